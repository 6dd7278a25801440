/** What is seen as a file: SVG while it is small enough to be one, PNG always. */

import { windowOf, world } from '../../engines/painter';
import { draw, visible } from '../../engines/painter_draw';
import { SvgPen } from '../../engines/svg_pen';
import type { Stage } from './stage';

/** Above this many boxes and lines in sight an SVG is larger than what it shows. */
export const SVG_MOST = 5000;

type Seen = NonNullable<Stage['seen']>;

export function svgOf({ scene, look, palette, camera, size }: Seen, title: string, doc?: Document): string {
  const seen = visible(scene, windowOf(camera, size.width, size.height));
  if (seen.items.length + seen.edges.length > SVG_MOST) throw new Error(`${seen.items.length + seen.edges.length}`);
  const pen = new SvgPen(doc?.createElement('canvas').getContext('2d') ?? null), ctx = pen as unknown as CanvasRenderingContext2D;
  pen.fillStyle = palette.theme.bg;
  pen.fillRect(0, 0, size.width, size.height);
  world(ctx, size.width, size.height, 1, camera);
  for (const _ of draw(ctx, scene, look, palette, camera.zoom, windowOf(camera, size.width, size.height))) void _;
  return pen.document(size.width, size.height, title);
}

/** At three pixels a CSS pixel: enough for print. */
export function pngOf({ scene, look, palette, camera, size }: Seen, doc: Document, ratio = 3): Promise<Blob> {
  const canvas = doc.createElement('canvas');
  Object.assign(canvas, { width: Math.round(size.width * ratio), height: Math.round(size.height * ratio) });
  const ctx = canvas.getContext('2d', { alpha: false })!;
  ctx.fillStyle = palette.theme.bg;
  ctx.fillRect(0, 0, canvas.width, canvas.height);
  world(ctx, size.width, size.height, ratio, camera);
  for (const _ of draw(ctx, scene, look, palette, camera.zoom, windowOf(camera, size.width, size.height))) void _;
  return new Promise((resolve, reject) => canvas.toBlob(blob => (blob ? resolve(blob) : reject(new Error('no picture'))), 'image/png'));
}
