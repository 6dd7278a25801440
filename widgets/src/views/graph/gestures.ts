/** Pointer, wheel and keys of a stage. */

import type { Stage } from './stage';

const CLICK_PX = 4;
const DOUBLE_MS = 320;

/** Attaches to a stage's canvas; returns what detaches. */
export function listen(stage: Stage): () => void {
  const { canvas } = stage, offs: (() => void)[] = [];
  const on = <K extends keyof HTMLElementEventMap>(type: K, fn: (e: HTMLElementEventMap[K]) => void, options?: AddEventListenerOptions) => {
    canvas.addEventListener(type, fn, options);
    offs.push(() => canvas.removeEventListener(type, fn, options));
  };
  const pointers = new Map<number, [number, number]>();
  let travelled = 0, lastClick = { at: 0, item: -1 }, pinch = 0;
  const place = (e: { clientX: number; clientY: number }): [number, number] => { const r = canvas.getBoundingClientRect(); return [e.clientX - r.left, e.clientY - r.top]; };

  on('pointerdown', e => {
    if (e.button > 1) return;
    try { canvas.setPointerCapture(e.pointerId); } catch { /* a made-up event has no pointer */ }
    pointers.set(e.pointerId, place(e));
    travelled = 0;
    pinch = 0;
  });
  on('pointermove', e => {
    const [x, y] = place(e), from = pointers.get(e.pointerId);
    if (!from) { stage.hover(x, y); return; }
    const others = [...pointers].filter(([id]) => id !== e.pointerId);
    pointers.set(e.pointerId, [x, y]);
    if (others.length) {                                // two fingers: pan by their middle, zoom by their distance
      const [ox, oy] = others[0]![1], apart = Math.hypot(x - ox, y - oy);
      if (pinch > 0) stage.zoom(apart / pinch, (x + ox) / 2, (y + oy) / 2);
      stage.pan((x - from[0]) / 2, (y - from[1]) / 2);
      pinch = apart;
      travelled = CLICK_PX;
      return;
    }
    travelled += Math.hypot(x - from[0], y - from[1]);
    if (travelled < CLICK_PX) { pointers.set(e.pointerId, from); travelled = Math.hypot(x - from[0], y - from[1]); if (travelled < CLICK_PX) return; }
    stage.hover(-1, -1);
    canvas.style.cursor = 'grabbing';
    stage.pan(x - from[0], y - from[1]);
  });
  const up = (e: PointerEvent) => {
    if (!pointers.delete(e.pointerId)) return;
    canvas.style.cursor = '';
    if (e.type === 'pointercancel' || travelled >= CLICK_PX || e.button !== 0) return;
    const [x, y] = place(e), item = stage.at(x, y), now = performance.now(), stop = stage.dotAt(x, y, e.altKey);
    if (stop >= 0) { stage.pressDot(stop); lastClick = { at: 0, item: -1 }; return; }
    if (stage.onCaret(item, x, y)) { stage.toggle(item); lastClick = { at: 0, item: -1 }; return; }
    if (item >= 0 && item === lastClick.item && now - lastClick.at < DOUBLE_MS) { stage.toggle(item); lastClick = { at: 0, item: -1 }; return; }
    lastClick = { at: now, item };
    stage.choose(item);
  };
  on('pointerup', up);
  on('pointercancel', up);
  on('pointerleave', () => { if (pointers.size === 0) stage.hover(-1, -1); });

  on('wheel', e => {
    e.preventDefault();
    stage.hover(-1, -1);
    const unit = e.deltaMode === 1 ? 16 : e.deltaMode === 2 ? 300 : 1;
    if (e.shiftKey && !e.ctrlKey) { stage.pan(-(e.deltaX || e.deltaY) * unit, 0); return; }
    // A touchpad's sideways movement pans; the wheel zooms to the pointer, as does a pinch.
    if (!e.ctrlKey && Math.abs(e.deltaX) > Math.abs(e.deltaY)) { stage.pan(-e.deltaX * unit, 0); return; }
    const [x, y] = place(e);
    stage.zoom(Math.exp(-Math.max(-160, Math.min(160, e.deltaY * unit)) * (e.ctrlKey ? 0.008 : 0.0022)), x, y);
  }, { passive: false });

  on('keydown', e => {
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    const arrow = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[e.key];
    const at = stage.chosen[0] ?? -1;
    if (arrow) {
      const [dx, dy] = arrow as [number, number];
      if (e.shiftKey) stage.pan(-dx * 60, -dy * 60);
      else {
        const next = stage.neighbour(at, dx, dy);
        if (next >= 0) { stage.choose(next); stage.lookAt(next); } else stage.pan(-dx * 60, -dy * 60);
      }
    } else if (stage.key(e)) { /* the view's own */ } else if (e.key === ' ') stage.fit();
    else if (e.key === '+' || e.key === '=') stage.zoom(1.25);
    else if (e.key === '-' || e.key === '_') stage.zoom(0.8);
    else if (e.key === 'Enter') stage.toggle(at);
    else return;
    e.preventDefault();
    e.stopPropagation();
  });
  return () => { for (const off of offs) off(); };
}
