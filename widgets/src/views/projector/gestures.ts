/** Pointer, wheel and keys on the stage. */

import type { Stage } from './stage';

export type Tool = 'move' | 'box' | 'lasso';

export interface GestureHooks {
  tool(): Tool;
  /** The slot under the pointer changed; x and y in CSS pixels. */
  hover(slot: number, x: number, y: number): void;
  pick(slot: number): void;
  /** Rows enclosed, or null for a click that lets go of them. */
  enclose(rows: Uint32Array | null): void;
  /** Comma and full stop: one step back or on. */
  step(by: number): void;
  escape(): void;
}

const CLICK = 4;

/** Binds to `el`, the overlay canvas; returns what unbinds. */
export function gestures(el: HTMLElement, stage: Stage, hooks: GestureHooks): () => void {
  const touches = new Map<number, { x: number; y: number }>();
  let drag: { tool: Tool | 'pan'; x0: number; y0: number; x: number; y: number; far: boolean } | null = null;
  const at = (e: MouseEvent) => {
    const rect = el.getBoundingClientRect();
    return { x: e.clientX - rect.left, y: e.clientY - rect.top };
  };

  const down = (e: PointerEvent) => {
    const { x, y } = at(e);
    touches.set(e.pointerId, { x, y });
    el.setPointerCapture?.(e.pointerId);
    hooks.hover(-1, x, y);
    if (touches.size > 1) {
      drag = null;
      stage.lasso = stage.box = null;
      return;
    }
    const tool = e.shiftKey ? 'lasso' : e.altKey ? 'box' : hooks.tool();
    drag = { tool: tool === 'move' && (e.button !== 0 || e.ctrlKey || e.metaKey) ? 'pan' : tool, x0: x, y0: y, x, y, far: false };
    if (tool === 'lasso') stage.lasso = [x, y];
  };

  const move = (e: PointerEvent) => {
    const { x, y } = at(e);
    const before = touches.get(e.pointerId);
    if (before && touches.size === 2) {
      const other = [...touches].find(([id]) => id !== e.pointerId)![1];
      const spread = (p: { x: number; y: number }) => Math.hypot(p.x - other.x, p.y - other.y) || 1;
      stage.zoomAt(spread({ x, y }) / spread(before), (x + other.x) / 2, (y + other.y) / 2);
      stage.pan((x - before.x) / 2, (y - before.y) / 2);
    }
    if (before) touches.set(e.pointerId, { x, y });
    if (!drag) {
      if (touches.size === 0) hooks.hover(stage.pick(x, y), x, y);
      return;
    }
    drag.far ||= Math.hypot(x - drag.x0, y - drag.y0) > CLICK;
    const [dx, dy] = [x - drag.x, y - drag.y];
    [drag.x, drag.y] = [x, y];
    if (!drag.far) return;
    if (drag.tool === 'lasso') {
      stage.lasso!.push(x, y);
      stage.drawOverlay();
    } else if (drag.tool === 'box') {
      stage.box = [drag.x0, drag.y0, x, y];
      stage.drawOverlay();
    } else if (drag.tool === 'pan' || stage.camera.depth < 0.5) stage.pan(dx, dy);
    else stage.turn(dx * 0.008, dy * 0.008);
  };

  const up = (e: PointerEvent) => {
    touches.delete(e.pointerId);
    const held = drag;
    drag = null;
    if (!held) return;
    const { x, y } = at(e);
    if (!held.far) {
      stage.lasso = stage.box = null;
      const slot = stage.pick(x, y);
      hooks.pick(slot);
      if (slot < 0) hooks.enclose(null);
    } else if (held.tool === 'lasso' || held.tool === 'box') {
      const rows = stage.enclosed();
      stage.lasso = stage.box = null;
      hooks.enclose(rows);
    }
    stage.drawOverlay();
  };

  const cancel = (e: PointerEvent) => {
    touches.delete(e.pointerId);
    drag = null;
    stage.lasso = stage.box = null;
    stage.drawOverlay();
  };

  const leave = () => {
    if (!drag) hooks.hover(-1, 0, 0);
  };

  // A wheel over an unfocused view scrolls the notebook; pinching (which arrives with ctrlKey) always means us.
  const wheel = (e: WheelEvent) => {
    const root = el.getRootNode() as Document | ShadowRoot;
    if (root.activeElement !== el && !e.ctrlKey && !e.metaKey) return;
    e.preventDefault();
    const { x, y } = at(e);
    const lines = e.deltaMode === 1 ? 16 : 1;
    stage.zoomAt(Math.exp(-e.deltaY * lines * (e.ctrlKey ? 0.01 : 0.0018)), x, y);
  };

  const key = (e: KeyboardEvent) => {
    if (e.ctrlKey || e.metaKey) return;
    const arrow = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[e.key];
    const k = e.shiftKey ? 4 : 1;
    if (arrow) {
      if (stage.camera.depth > 0.5 && !e.altKey) stage.turn(arrow[0]! * 0.06 * k, arrow[1]! * 0.06 * k);
      else stage.pan(-arrow[0]! * 24 * k, -arrow[1]! * 24 * k);
    } else if (e.key === '+' || e.key === '=') stage.zoomAt(1.2);
    else if (e.key === '-') stage.zoomAt(1 / 1.2);
    else if (e.key === ' ') stage.fit();
    else if (e.key === 'Enter') hooks.pick(stage.pickMiddle());
    else if (e.key === ',' || e.key === '.') hooks.step(e.key === '.' ? 1 : -1);
    else if (e.key === 'Escape') hooks.escape();
    else return;
    e.preventDefault();
    e.stopPropagation();
  };

  const menu = (e: Event) => e.preventDefault();
  const bound: [string, (e: any) => void, AddEventListenerOptions?][] = [
    ['pointerdown', down], ['pointermove', move], ['pointerup', up], ['pointercancel', cancel], ['pointerleave', leave],
    ['wheel', wheel, { passive: false }], ['keydown', key], ['contextmenu', menu],
  ];
  for (const [name, fn, options] of bound) el.addEventListener(name, fn, options);
  return () => {
    for (const [name, fn] of bound) el.removeEventListener(name, fn);
  };
}
