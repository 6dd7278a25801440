/** Text that fits: measured once, cut with an ellipsis. */

const widths = new Map<string, number>();
const MOST = 20_000;

/** Width at size 1 of `text` in the font family that is set as `font` ("600 {size}px family" without the size). */
export function measured(ctx: CanvasRenderingContext2D, text: string, weight: string, family: string): number {
  const key = `${weight}|${family}|${text}`;
  let width = widths.get(key);
  if (width === undefined) {
    if (widths.size > MOST) widths.clear();
    const before = ctx.font;
    ctx.font = `${weight} 100px ${family}`;
    width = ctx.measureText(text).width / 100;
    ctx.font = before;
    widths.set(key, width);
  }
  return width;
}

const cuts = new Map<string, string>();

/** `text`, or as much of its beginning as fits into `room` at `size`, with an ellipsis; "" when nothing does. */
export function fitted(ctx: CanvasRenderingContext2D, text: string, weight: string, family: string, size: number, room: number): string {
  const width = measured(ctx, text, weight, family) * size;
  if (width <= room) return text;
  const keep = Math.floor((text.length * room) / width) - 1;
  if (keep < 1) return '';
  const key = `${keep} ${text}`;
  let cut = cuts.get(key);
  if (cut === undefined) {
    if (cuts.size > MOST) cuts.clear();
    cuts.set(key, (cut = `${text.slice(0, keep).trimEnd()}…`));
  }
  return cut;
}
