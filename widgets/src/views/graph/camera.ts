/** Where we look from: pure arithmetic, so that it can be tested. */

import type { Camera } from '../../engines/painter';

export interface Size { width: number; height: number }
export interface Box { x: number; y: number; w: number; h: number }

export const ZOOM = { least: 0.004, most: 4, fitMost: 1.2, readable: 0.62 } as const;
const MARGIN = 26;

export const toWorld = (camera: Camera, size: Size, x: number, y: number): [number, number] => [camera.x + (x - size.width / 2) / camera.zoom, camera.y + (y - size.height / 2) / camera.zoom];
export const toScreen = (camera: Camera, size: Size, x: number, y: number): [number, number] => [(x - camera.x) * camera.zoom + size.width / 2, (y - camera.y) * camera.zoom + size.height / 2];

/** All of `box`, in the middle. */
export function fit(box: Box, size: Size): Camera {
  const zoom = clamp(Math.min((size.width - 2 * MARGIN) / Math.max(1, box.w), (size.height - 2 * MARGIN) / Math.max(1, box.h)), ZOOM.least, ZOOM.fitMost);
  return { x: box.x + box.w / 2, y: box.y + box.h / 2, zoom };
}

/** The first look: all of it where that can be read, else its beginning. */
export function open(box: Box, size: Size): Camera {
  const all = fit(box, size);
  if (all.zoom >= ZOOM.readable) return all;
  const across = clamp((size.width - 2 * MARGIN) / Math.max(1, box.w), ZOOM.least, ZOOM.fitMost), zoom = Math.max(all.zoom, Math.min(ZOOM.readable + 0.1, across));
  return { x: box.x + box.w / 2, y: box.y - MARGIN / zoom + size.height / 2 / zoom, zoom };
}

/** Closer or further, with the world point under (x, y) staying there. */
export function zoomAt(camera: Camera, size: Size, x: number, y: number, factor: number): Camera {
  const zoom = clamp(camera.zoom * factor, ZOOM.least, ZOOM.most), [wx, wy] = toWorld(camera, size, x, y);
  return { zoom, x: wx - (x - size.width / 2) / zoom, y: wy - (y - size.height / 2) / zoom };
}

/** The least movement that brings `box` into sight, and close enough to be read. */
export function reveal(camera: Camera, size: Size, box: Box, closest = 0.7): Camera {
  const zoom = camera.zoom < 0.45 ? closest : camera.zoom;
  const w = size.width / 2 / zoom, h = size.height / 2 / zoom, mx = Math.min(w * 0.3, 60 / zoom), my = Math.min(h * 0.3, 50 / zoom);
  if (zoom !== camera.zoom) return { x: box.x + box.w / 2, y: box.y + Math.min(box.h / 2, h - my), zoom };
  let { x, y } = camera;
  if (box.w > 2 * (w - mx)) x = Math.abs(box.x + box.w / 2 - x) > w ? box.x + box.w / 2 : x;
  else if (box.x < x - w + mx) x = box.x + w - mx;
  else if (box.x + box.w > x + w - mx) x = box.x + box.w - w + mx;
  if (box.h > 2 * (h - my)) y = box.y + h - my;
  else if (box.y < y - h + my) y = box.y + h - my;
  else if (box.y + box.h > y + h - my) y = box.y + box.h - h + my;
  return { x, y, zoom };
}

/** Part of `box` is always in sight. */
export function kept(camera: Camera, size: Size, box: Box): Camera {
  const w = size.width / 2 / camera.zoom, h = size.height / 2 / camera.zoom, slack = 40 / camera.zoom;
  return { zoom: camera.zoom, x: clamp(camera.x, box.x - w + slack, box.x + box.w + w - slack), y: clamp(camera.y, box.y - h + slack, box.y + box.h + h - slack) };
}

/** Between two cameras; the zoom changes by equal factors in equal times. */
export function between(a: Camera, b: Camera, t: number): Camera {
  const share = 1 - (1 - t) ** 3, zoom = a.zoom * (b.zoom / a.zoom) ** share;
  // Points move on straight lines on the screen.
  const f = Math.abs(b.zoom - a.zoom) < 1e-9 ? share : (1 / zoom - 1 / a.zoom) / (1 / b.zoom - 1 / a.zoom);
  return { x: a.x + (b.x - a.x) * f, y: a.y + (b.y - a.y) * f, zoom };
}

export const clamp = (value: number, low: number, high: number) => Math.min(high, Math.max(low, value));
