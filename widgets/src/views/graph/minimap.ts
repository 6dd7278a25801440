/** The whole in a corner, while only a part of it is in sight. */

import { paintPixels } from '../../engines/painter_pixels';
import type { Camera, Look } from '../../engines/painter';
import type { Palette } from '../../engines/painter_style';
import type { Scene } from '../../engines/scene';
import type { Size } from './camera';

const MOST = { width: 132, height: 150 };

export class MiniMap {
  private readonly canvas: HTMLCanvasElement;
  private picture: { scene: Scene; look: Look; palette: Palette; image: ImageData } | null = null;
  private scale = 1;

  constructor(root: HTMLElement, jump: (x: number, y: number) => void) {
    this.canvas = root.ownerDocument.createElement('canvas');
    this.canvas.className = 'ts-minimap';
    this.canvas.setAttribute('aria-hidden', 'true');
    this.canvas.hidden = true;
    root.append(this.canvas);
    const go = (e: PointerEvent) => {
      if (!(e.buttons & 1)) return;
      e.preventDefault();
      e.stopPropagation();
      jump(e.offsetX / this.scale, e.offsetY / this.scale);
    };
    this.canvas.addEventListener('pointerdown', e => { this.canvas.setPointerCapture(e.pointerId); go(e); });
    this.canvas.addEventListener('pointermove', go);
  }

  stale(): void {
    this.picture = null;
  }

  remove(): void {
    this.canvas.remove();
  }

  draw(scene: Scene, look: Look, palette: Palette, camera: Camera, size: Size, ratio: number): void {
    const w = size.width / camera.zoom, h = size.height / camera.zoom, margin = 12 / camera.zoom;
    const inside = camera.x - w / 2 <= margin && camera.y - h / 2 <= margin && camera.x + w / 2 >= scene.width - margin && camera.y + h / 2 >= scene.tall - margin;
    const wanted = !inside && size.width > 420 && size.height > 260;
    if (this.canvas.hidden === wanted) this.canvas.hidden = !wanted;
    if (!wanted) return;
    this.scale = Math.min(MOST.width / scene.width, MOST.height / scene.tall);
    const cw = Math.max(18, Math.round(scene.width * this.scale)), ch = Math.max(18, Math.round(scene.tall * this.scale)), px = Math.round(cw * ratio), py = Math.round(ch * ratio);
    const ctx = this.canvas.getContext('2d');
    if (!ctx) return;
    if (this.canvas.width !== px || this.canvas.height !== py) {
      Object.assign(this.canvas, { width: px, height: py });
      Object.assign(this.canvas.style, { width: `${cw}px`, height: `${ch}px` });
      this.picture = null;
    }
    const known = this.picture;
    if (!known || known.scene !== scene || known.look !== look || known.palette !== palette) {
      const image = ctx.createImageData(px, py);
      paintPixels(image, scene, look, palette, { x: cw / 2 / this.scale, y: ch / 2 / this.scale, zoom: this.scale }, ratio);
      this.picture = { scene, look, palette, image };
    }
    ctx.putImageData(this.picture!.image, 0, 0);
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    ctx.strokeStyle = palette.theme.fg;
    ctx.lineWidth = 1.5;
    const x = Math.max(0, (camera.x - w / 2) * this.scale), y = Math.max(0, (camera.y - h / 2) * this.scale);
    ctx.strokeRect(x + 1, y + 1, Math.max(4, Math.min(cw, (camera.x + w / 2) * this.scale) - x - 2), Math.max(4, Math.min(ch, (camera.y + h / 2) * this.scale) - y - 2));
  }
}
