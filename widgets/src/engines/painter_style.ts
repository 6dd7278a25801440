/** Colours of the picture, made from a theme: what a style number looks like. */

import { luminance, parse, type Theme } from '../theme';

/** Styles of boxes. From `ramp` on: 32 steps of the forward hue, then 32 of the backward hue. */
export const STYLE = { op: 0, view: 1, module: 2, input: 3, chip: 4, buffer: 5, ghost: 6, done: 7, pending: 8, current: 9, upstream: 10, downstream: 11, trouble: 12, chosen: 13, grad: 14, ramp: 16 } as const;
export const STEPS = 32;
/** Styles of lines. */
export const LINE = { plain: 0, ghost: 1, grad: 2, done: 3, pending: 4, upstream: 5, downstream: 6, trouble: 7 } as const;
/** Signs on boxes, so that nothing is said by hue alone. */
export const MARK = { none: 0, check: 1, ring: 2, cross: 3, up: 4, down: 5, arrow: 6 } as const;
/** Breakpoints: full where every pass stops, with bars where a condition decides, hollow where it is switched off, a ring with a core around some that are within. */
export const DOT = { none: 0, on: 1, condition: 2, off: 3, within: 4 } as const;

export interface Box { fill: string; stroke: string; text: string; note: string; width: number; dash: number[] }
export interface Line { color: string; width: number; dash: number[] }
export interface Palette { theme: Theme; boxes: Box[]; lines: Line[]; frames: string[]; port: string }

type RGB = readonly [number, number, number];
const rgb = (color: string): RGB => { const c = parse(color) ?? [0, 0, 0, 1]; return [c[0], c[1], c[2]]; };
const css = ([r, g, b]: RGB) => `rgb(${Math.round(r)} ${Math.round(g)} ${Math.round(b)})`;
const blend = (a: string, b: string, share: number): string => { const p = rgb(a), q = rgb(b); return css([0, 1, 2].map(k => p[k]! + (q[k]! - p[k]!) * share) as unknown as RGB); };

/** Ratio of WCAG 2. */
export function contrast(a: string, b: string): number {
  const [high, low] = [luminance(rgb(a)), luminance(rgb(b))].sort((p, q) => q - p) as [number, number];
  return (high + 0.05) / (low + 0.05);
}

/** The first of the wished colours that can be read on `fill`; else black or white, whichever can be read better. */
export function readable(fill: string, ...wishes: string[]): string {
  return wishes.find(wish => contrast(fill, wish) >= 4.5) ?? (contrast(fill, '#ffffff') > contrast(fill, '#000000') ? '#ffffff' : '#000000');
}

export function paletteOf(theme: Theme): Palette {
  const { bg, fg, muted, faint, line, panel, forward, backward, trouble, troubleSoft, dark, mode } = theme;
  const edge = mode === 'contrast' ? fg : blend(line, faint, 0.45);
  const box = (fill: string, stroke: string, more: Partial<Box> = {}): Box => ({ fill, stroke, text: readable(fill, fg), note: readable(fill, muted, fg), width: 1, dash: [], ...more });
  const boxes: Box[] = [];
  boxes[STYLE.op] = box(bg, edge);
  boxes[STYLE.view] = box(bg, edge, { dash: [3, 2.5], text: readable(bg, muted, fg) });
  boxes[STYLE.module] = box(blend(bg, forward, dark ? 0.17 : 0.09), blend(line, forward, 0.5));
  boxes[STYLE.input] = box(blend(bg, fg, dark ? 0.12 : 0.07), edge);
  boxes[STYLE.chip] = box(panel, line, { text: readable(panel, muted, fg) });
  boxes[STYLE.buffer] = box(bg, line, { text: readable(bg, muted, fg), dash: [2, 2] });
  boxes[STYLE.ghost] = box(bg, blend(bg, line, 0.7), { text: blend(bg, muted, 0.8), note: blend(bg, muted, 0.7) });
  boxes[STYLE.done] = box(blend(bg, backward, dark ? 0.24 : 0.16), blend(line, backward, 0.6));
  boxes[STYLE.pending] = box(bg, edge, { dash: [4, 3], text: readable(bg, muted, fg) });
  boxes[STYLE.current] = box(backward, backward, { width: 2 });
  boxes[STYLE.grad] = box(blend(bg, backward, dark ? 0.14 : 0.07), blend(line, backward, 0.5));
  const [up, down] = [theme.series[2] ?? forward, theme.series[3] ?? forward];
  boxes[STYLE.upstream] = box(blend(bg, up, dark ? 0.22 : 0.14), up, { width: 1.4 });
  boxes[STYLE.downstream] = box(blend(bg, down, dark ? 0.22 : 0.14), down, { width: 1.4 });
  boxes[STYLE.trouble] = box(troubleSoft, trouble, { width: 1.6 });
  boxes[STYLE.chosen] = box(blend(bg, forward, dark ? 0.3 : 0.18), forward, { width: 2 });
  boxes[15] = boxes[STYLE.op]!;
  for (let k = 0; k < STEPS * 2; k++) {
    const hue = k < STEPS ? forward : backward, share = (k % STEPS) / (STEPS - 1);
    const fill = blend(bg, hue, 0.04 + share * 0.86);
    boxes[STYLE.ramp + k] = box(fill, blend(line, hue, 0.3 + share * 0.7));
  }
  const thread = mode === 'contrast' ? fg : blend(bg, fg, dark ? 0.42 : 0.38);
  const lines: Line[] = [];
  lines[LINE.plain] = { color: thread, width: 1.2, dash: [] };
  lines[LINE.ghost] = { color: blend(bg, fg, 0.13), width: 1, dash: [] };
  lines[LINE.grad] = { color: blend(bg, backward, 0.8), width: 1.3, dash: [] };
  lines[LINE.done] = { color: backward, width: 1.8, dash: [] };
  lines[LINE.pending] = { color: blend(bg, fg, dark ? 0.34 : 0.3), width: 1.1, dash: [3, 3] };
  lines[LINE.upstream] = { color: up, width: 1.8, dash: [] };
  lines[LINE.downstream] = { color: down, width: 1.8, dash: [] };
  lines[LINE.trouble] = { color: trouble, width: 1.8, dash: [] };
  const frames = Array.from({ length: 6 }, (_, depth) => blend(bg, forward, mode === 'contrast' ? 0 : (dark ? 0.022 : 0.018) * (depth + 1)));
  return { theme, boxes, lines, frames, port: thread };
}
