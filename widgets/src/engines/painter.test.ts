import { describe, expect, it } from 'vitest';
import { decoder, flat, sampleOf } from './graphmodel.samples';
import { planOf } from './graphmodel_plan';
import { layoutPlan } from './layout_plan';
import { Painter } from './painter';
import { draw, visible, type Look } from './painter_draw';
import { paintPixels } from './painter_pixels';
import { contrast, paletteOf, readable, STYLE } from './painter_style';
import { Scene } from './scene';
import { LITERAL, type Theme } from '../theme';

const themeOf = (mode: 'light' | 'dark'): Theme => {
  const c = LITERAL[mode] as Record<string, string>;
  return { mode, dark: mode === 'dark', bg: c.bg!, panel: c.panel!, inset: c.inset!, line: c.line!, fg: c.fg!, muted: c.muted!, faint: c.faint!, forward: c.forward!, forwardSoft: c['forward-soft']!, backward: c.backward!,
    backwardSoft: c['backward-soft']!, trouble: c.trouble!, troubleSoft: c['trouble-soft']!, font: 'sans-serif', mono: 'monospace', series: ['#2b67ad', '#9a5b00', '#1f8a70', '#7a52a8'] };
};

/** A context that counts what is drawn. */
function paper() {
  const calls = new Map<string, number>(), texts: string[] = [];
  const ctx: any = new Proxy({ font: '', measureText: (text: string) => ({ width: text.length * 55 }) } as Record<string, unknown>, {
    get: (target, name: string) => (name in target ? target[name] : (...args: unknown[]) => {
      calls.set(name, (calls.get(name) ?? 0) + 1);
      if (name === 'fillText') texts.push(String(args[0]));
      return name !== 'createImageData' ? undefined : { width: args[0], height: args[1], data: new Uint8ClampedArray((args[0] as number) * (args[1] as number) * 4) };
    }),
    set: (target, name: string, value) => { target[name] = value; return true; },
  });
  return { ctx: ctx as CanvasRenderingContext2D, calls, texts };
}

function sceneOf(builder = decoder(2, 2)) {
  const { model } = sampleOf(builder), plans = planOf(model, { isOpen: () => true, isFolded: () => false });
  return new Scene(model, plans, layoutPlan(plans.map(p => ({ level: p.level, before: null }))));
}
const plain = (scene: Scene): Look => ({ style: new Uint8Array(scene.count), line: new Uint8Array(scene.edges), mark: new Uint8Array(scene.count), upward: false, version: 1 });
const everywhere = { left: -1e6, top: -1e6, right: 1e6, bottom: 1e6 };

describe('colours', () => {
  it.each(['light', 'dark'] as const)('of labels can be read on every box (%s)', mode => {
    const { boxes } = paletteOf(themeOf(mode));
    boxes.forEach((box, style) => { if (style !== STYLE.ghost) expect(contrast(box.fill, box.text), `style ${style}`).toBeGreaterThanOrEqual(4.5); });
    expect(readable('#ffff00', '#ffffff')).toBe('#000000');
  });
});

describe('the painter', () => {
  it('leaves out what is not in the window, whole modules at once', () => {
    const scene = sceneOf(), all = visible(scene, everywhere), none = visible(scene, { left: -900, top: -900, right: -800, bottom: -800 });
    expect(all.items.length + all.frames.length).toBe(scene.count);
    expect(all.edges.length).toBe(scene.edges);
    expect(none).toEqual({ items: [], frames: [], edges: [] });
    const part = visible(scene, { left: 0, top: 0, right: scene.width, bottom: scene.tall / 3 });
    expect(part.items.length).toBeLessThan(all.items.length * 0.6);
    expect(part.items.length).toBeGreaterThan(0);
  });

  it('says less from further away', () => {
    const scene = sceneOf(), look = { ...plain(scene), detail: () => 'float32' }, palette = paletteOf(themeOf('light'));
    const at = (zoom: number) => { const { ctx, calls, texts } = paper(); for (const _ of draw(ctx, scene, look, palette, zoom, everywhere)) void _; return { calls, texts }; };
    expect(at(0.2).texts).toEqual([]);
    const middle = at(0.6), near = at(1), close = at(2);
    expect(middle.texts).toContain('softmax');
    expect(middle.texts.filter(t => t === '8×8').length).toBe(0);
    expect(near.texts).toContain('8×8');
    expect(near.texts).not.toContain('float32');
    expect(close.texts).toContain('float32');
    expect(near.calls.get('bezierCurveTo')).toBeGreaterThan(5);
  });

  it('keeps the picture of a large scene while it is moved', () => {
    const scene = sceneOf(flat(2000)), look = plain(scene), palette = paletteOf(themeOf('dark')), sheets: ReturnType<typeof paper>[] = [];
    const painter = new Painter(() => { const sheet = paper(); sheets.push(sheet); return { width: 0, height: 0, getContext: () => sheet.ctx } as unknown as HTMLCanvasElement; });
    const front = paper(), camera = { x: 300, y: 800, zoom: 0.5 };
    painter.paint(front.ctx, 800, 600, 1, scene, look, palette, camera, true);
    expect(front.calls.get('drawImage')).toBe(1);
    const strokes = sheets.reduce((n, s) => n + (s.calls.get('stroke') ?? 0), 0);
    for (let k = 1; k <= 4; k++) painter.paint(front.ctx, 800, 600, 1, scene, look, palette, { ...camera, x: 300 + k * 10 }, true);
    expect(sheets.reduce((n, s) => n + (s.calls.get('stroke') ?? 0), 0)).toBe(strokes);
    expect(front.calls.get('drawImage')).toBe(5);
    expect(front.calls.get('fillText')).toBeUndefined();
  });

  it('writes pixels far away', () => {
    const scene = sceneOf(flat(3000)), image = { width: 200, height: 100, data: new Uint8ClampedArray(200 * 100 * 4) } as unknown as ImageData;
    const palette = paletteOf(themeOf('light'));
    paintPixels(image, scene, plain(scene), palette, { x: scene.width / 2, y: scene.tall / 2, zoom: 100 / scene.tall }, 1);
    const pixels = new Uint32Array(image.data.buffer), ground = pixels[0]!;
    expect(pixels.some(p => p !== ground)).toBe(true);
    expect(pixels.every(p => p >>> 24 === 255)).toBe(true);
  });
});
