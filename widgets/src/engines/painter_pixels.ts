/** The whole of a large graph from far away: pixels written straight into an image. */

import { KIND } from './graphmodel_plan';
import { ROUTE } from './layout';
import type { Camera, Look } from './painter_draw';
import type { Palette } from './painter_style';
import { parse } from '../theme';
import type { Scene } from './scene';

/** `width` and `height` in device pixels; `ratio` device pixels a CSS pixel. */
export function paintPixels(image: ImageData, scene: Scene, look: Look, palette: Palette, camera: Camera, ratio: number): void {
  const { width, height } = image, pixels = new Uint32Array(image.data.buffer), scale = camera.zoom * ratio;
  const originX = width / 2 - camera.x * scale, originY = height / 2 - camera.y * scale;
  pixels.fill(packed(palette.theme.bg));
  const fills = palette.boxes.map(box => packed(box.stroke)), solid = palette.boxes.map((box, style) => packed(style >= 16 || style === 7 || style === 9 ? box.fill : box.stroke));
  const frames = palette.frames.map(packed), strokes = palette.lines.map(line => packed(line.color));
  const rect = (x: number, y: number, w: number, h: number, color: number) => {
    const x0 = Math.max(0, Math.round(x)), x1 = Math.min(width, Math.max(Math.round(x) + 1, Math.round(x + w))), y0 = Math.max(0, Math.round(y)), y1 = Math.min(height, Math.max(Math.round(y) + 1, Math.round(y + h)));
    for (let row = y0; row < y1; row++) pixels.fill(color, row * width + x0, row * width + x1);
  };
  const edges = (from: number, to: number) => {
    const { points: p } = scene;
    for (let e = from; e < to; e++) {
      if (scene.route[e] === ROUTE.stub) continue;
      const color = strokes[look.line[e]!]!;
      for (let k = scene.pointStart[e]!; k + 1 < scene.pointStart[e + 1]!; k++) {
        const x = Math.round(originX + ((p[k * 2]! + p[k * 2 + 2]!) / 2) * scale), y0 = Math.max(0, Math.round(originY + p[k * 2 + 1]! * scale)), y1 = Math.min(height, Math.round(originY + p[k * 2 + 3]! * scale));
        if (x < 0 || x >= width) continue;
        for (let y = y0, at = y0 * width + x; y < y1; y++, at += width) pixels[at] = color;
      }
    }
  };
  edges(scene.outer[0], scene.outer[1]);
  for (let i = 0; i < scene.count;) {
    const x = originX + scene.x[i]! * scale, y = originY + scene.y[i]! * scale, w = scene.w[i]! * scale, h = scene.h[i]! * scale;
    if (x > width || y > height || x + w < 0 || y + h < 0) { i = scene.open[i] ? scene.end[i]! : i + 1; continue; }
    if (scene.open[i]) {
      if (w > 3 && h > 3) rect(x, y, w, h, frames[Math.min(frames.length - 1, scene.depth[i]!)]!);
      edges(scene.edgeStart[i]!, scene.edgeEnd[i]!);
    } else if (scene.kind[i] === KIND.op || scene.kind[i] === KIND.module || scene.kind[i] === KIND.fold || scene.kind[i] === KIND.input) {
      rect(x, y, Math.max(1, w), Math.max(1, h), (h > 4 ? solid : fills)[look.style[i]!]!);
    }
    i++;
  }
}

function packed(color: string): number {
  const [r, g, b] = parse(color) ?? [0, 0, 0];
  return ((255 << 24) | (Math.round(b) << 16) | (Math.round(g) << 8) | Math.round(r)) >>> 0;
}
