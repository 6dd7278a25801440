/** The canvas: scene, camera, pointer and keys. Knows what is shown, not why; the view tells it how things look. */

import { makeTip, type Tip } from '../../chrome';
import type { GraphModel } from '../../engines/graphmodel';
import { KIND, planOf, type LevelPlan } from '../../engines/graphmodel_plan';
import { GAP, type Placed } from '../../engines/layout';
import { Painter, world, type Camera, type Look } from '../../engines/painter';
import { dot, dotRadius } from '../../engines/painter_draw';
import { DOT, paletteOf, type Palette } from '../../engines/painter_style';
import { Scene } from '../../engines/scene';
import { Tween, TWEEN_MOST, TWEEN_MS } from '../../engines/scene_tween';
import { hubOf } from '../../hub';
import { onTheme, readTheme } from '../../theme';
import { layouter } from '../../worker/layouter';
import { between, fit, kept, open as openCamera, reveal, toScreen, toWorld, zoomAt, type Box, type Size } from './camera';
import { listen } from './gestures';
import { MiniMap } from './minimap';
import { Openness } from './opened';
import { drawOver, middle, neighbour } from './stage_over';

const IDLE_MS = 900;

export interface StageHooks {
  look(scene: Scene): Look;
  /** Text of the card beside the pointer. */
  card(scene: Scene, item: number): string;
  /** What was clicked or reached by key; -1 for the ground. */
  choose(scene: Scene, item: number): void;
  /** After modules were opened or closed, or rows came. */
  changed(): void;
  /** The graph could not be laid out. */
  failed?(reason: string): void;
  /** A click on the corner where breakpoints are; `can` says of which items there may be one. */
  dot?: { can(scene: Scene, item: number): boolean; press(scene: Scene, item: number): void };
  /** A key that the stage has no use for. */
  key?(event: KeyboardEvent): boolean;
}

export class Stage {
  readonly canvas: HTMLCanvasElement;
  readonly openness = new Openness();
  scene: Scene | null = null;
  camera: Camera = { x: 0, y: 0, zoom: 1 };
  size: Size = { width: 0, height: 0 };
  /** Items outlined as chosen, and the one under the pointer. */
  chosen: readonly number[] = [];
  hovered = -1;
  /** The reader has moved the camera. */
  private moved = false;
  private nearDot = -1;
  private model: GraphModel | null = null;
  private look: Look | null = null;
  private palette: Palette;
  private plans: LevelPlan[] = [];
  private placed: Placed[] = [];
  private readonly painter: Painter;
  private readonly tip: Tip;
  private readonly map: MiniMap;
  private readonly offs: (() => void)[] = [];
  private generation = 0;
  private tween: { tween: Tween; began: number; hold: { item: number; at: [number, number] } | null } | null = null;
  private flight: { from: Camera; to: Camera; began: number; ms: number } | null = null;
  private movingUntil = 0;
  private gone = false;
  private pendingReveal: (() => void) | null = null;

  constructor(readonly root: HTMLElement, private readonly hooks: StageHooks) {
    const doc = root.ownerDocument;
    this.canvas = doc.createElement('canvas');
    this.canvas.tabIndex = 0;
    this.canvas.setAttribute('role', 'application');
    this.canvas.className = 'ts-stage-canvas';
    root.append(this.canvas);
    this.tip = makeTip(root);
    this.map = new MiniMap(root, (x, y) => this.jump(x, y));
    this.painter = new Painter(() => doc.createElement('canvas'));
    this.palette = paletteOf(readTheme(root));
    this.offs.push(onTheme(root, theme => { this.palette = paletteOf(theme); this.redraw(); }), listen(this));
    if (typeof ResizeObserver === 'function') {
      const observer = new ResizeObserver(() => this.resize());
      observer.observe(root);
      this.offs.push(() => observer.disconnect());
    }
    this.resize();
  }

  close(): void {
    this.gone = true;
    clearTimeout(this.idle);
    for (const off of this.offs) off();
    this.tip.remove();
    this.map.remove();
    this.painter.drop();
    this.canvas.remove();
  }

  /** Shows another graph, or the same after rows came. */
  show(model: GraphModel | null): void {
    if (model !== this.model) {
      this.model = model;
      this.plans = this.placed = [];
      this.scene = null;
      this.chosen = [];
      this.hovered = -1;
    }
    if (!model) { this.redraw(); return; }
    this.rebuild(null);
  }

  /** The same scene, looked at anew: an overlay, a trace, a selection. */
  restyle(): void {
    this.look = this.scene && this.hooks.look(this.scene);
    this.map.stale();
    this.redraw();
  }

  /** Opens or closes what an item stands for; the place under the reader's eye stays. */
  toggle(item: number, how?: boolean): void {
    const { scene, model } = this;
    if (!scene || !model || item < 0) return;
    const kind = scene.kind[item]!, row = scene.row[item]!;
    if (kind === KIND.fold) this.openness.setFolded(model, row, false);
    else if (kind === KIND.module) this.openness.setOpen(model, row, how ?? !scene.open[item]);
    else return;
    this.rebuild(scene.nameOf(item), true);
  }

  /** The same for a call that may not be in the picture. */
  setOpen(module: number, open: boolean): void {
    if (!this.model) return;
    const item = this.scene?.itemOfModule(module) ?? -1;
    if (open) { this.openness.expose(this.model, module); this.openness.setOpen(this.model, module, true); } else this.openness.setOpen(this.model, module, false);
    this.rebuild(item >= 0 ? this.scene!.nameOf(item) : null, true);
  }

  unfold(first: number): void {
    if (!this.model) return;
    this.openness.setFolded(this.model, first, false);
    this.rebuild(`${KIND.module} ${first} `, true);
  }

  fold(first: number): void {
    if (!this.model) return;
    this.openness.setFolded(this.model, first, true);
    this.rebuild(`${KIND.module} ${first} `, true);
  }

  openAll(open: boolean): void {
    if (!this.model) return;
    this.openness.all(this.model, open);
    this.rebuild(null, true);
    this.moved = false;
    this.after(() => this.home());
  }

  /** Makes an op visible, opening what is around it, and moves there. */
  revealOp(op: number): void {
    if (!this.model || op < 0 || op >= this.model.ops) return;
    const tuck = this.model.tuckedInto(op);
    if (this.openness.expose(this.model, this.model.moduleOf(tuck >= 0 ? tuck : op))) this.rebuild(null, true);
    this.after(() => this.scene && this.lookAt(this.scene.itemOfOp(op)));
  }

  revealModule(module: number): void {
    if (!this.model) return;
    const parent = this.model.parent(module);
    if (parent >= 0 && this.openness.expose(this.model, parent)) this.rebuild(null, true);
    this.after(() => this.scene && this.lookAt(this.scene.itemOfModule(module)));
  }

  /** Moves the least that brings an item into sight. */
  lookAt(item: number, atOnce = false): void {
    if (!this.scene || item < 0) return;
    const to = reveal(this.camera, this.size, this.boxOf(item));
    if (atOnce) { this.flight = null; this.camera = to; this.moved = true; this.redraw(); } else this.fly(to);
  }

  fit(): void {
    if (this.scene) this.fly(fit(this.whole(), this.size));
  }

  /** The camera that shows the scene for the first time. */
  home(): void {
    if (this.scene) this.fly(openCamera(this.whole(), this.size));
  }

  zoom(factor: number, x = this.size.width / 2, y = this.size.height / 2): void {
    this.put(zoomAt(this.camera, this.size, x, y, factor));
  }

  pan(dx: number, dy: number): void {
    this.put({ ...this.camera, x: this.camera.x - dx / this.camera.zoom, y: this.camera.y - dy / this.camera.zoom });
  }

  at(x: number, y: number): number {
    const { scene } = this;
    if (!scene) return -1;
    const [wx, wy] = toWorld(this.camera, this.size, x, y);
    const item = scene.hit(wx, wy, GAP.header, 2 / this.camera.zoom);
    const kind = scene.kind[item];
    return (kind === KIND.chip || kind === KIND.tuck) && this.camera.zoom < 0.3 ? scene.parent[item]! : item;
  }

  /** On the sign that opens and closes. */
  onCaret(item: number, x: number, y: number): boolean {
    const { scene } = this;
    if (!scene || item < 0 || (scene.kind[item] !== KIND.module && scene.kind[item] !== KIND.fold)) return false;
    const [wx, wy] = toWorld(this.camera, this.size, x, y);
    return wx < scene.x[item]! + 20 && wy < scene.y[item]! + (scene.open[item] ? GAP.header : scene.h[item]!);
  }

  /** The item whose corner, where its breakpoint stands, is at this place; -1 for none. */
  dotAt(x: number, y: number, anywhere = false): number {
    const { scene, hooks: { dot } } = this;
    if (!scene || !dot || this.camera.zoom < 0.3) return -1;
    const item = Math.max(this.at(x, y), this.at(x + 5, y + 5));
    if (item < 0 || !dot.can(scene, item)) return -1;
    const [sx, sy] = toScreen(this.camera, this.size, scene.x[item]!, scene.y[item]!);
    return anywhere || Math.hypot(x - sx, y - sy) <= Math.max(8, dotRadius(scene, item, this.camera.zoom) * this.camera.zoom + 2) ? item : -1;
  }

  pressDot(item: number): void {
    if (this.scene) this.hooks.dot?.press(this.scene, item);
  }

  hover(x: number, y: number): void {
    const item = x < 0 ? -1 : this.at(x, y);
    if (item !== this.hovered) {
      this.hovered = item;
      this.canvas.style.cursor = item >= 0 ? 'pointer' : '';
      this.redraw();
    }
    const near = this.dotAt(x, y);
    if (near !== this.nearDot) { this.nearDot = near; this.redraw(); }
    if (near >= 0) this.canvas.style.cursor = 'pointer';
    if (item < 0 || !this.scene) this.tip.hide();
    else this.tip.show(this.hooks.card(this.scene, item), x, y);
  }

  choose(item: number): void {
    if (this.scene) this.hooks.choose(this.scene, item);
  }

  key(event: KeyboardEvent): boolean {
    return this.hooks.key?.(event) ?? false;
  }

  /** What is next to an item in the picture, in the direction of an arrow key. */
  neighbour(item: number, dx: number, dy: number): number {
    return this.scene ? neighbour(this.scene, item, dx, dy) : -1;
  }

  /** What is seen, for a picture: null while there is nothing. */
  get seen(): { scene: Scene; look: Look; palette: Palette; camera: Camera; size: Size } | null {
    const { scene, look, palette, camera, size } = this;
    return scene && look && size.width ? { scene, look, palette, camera, size } : null;
  }

  /** Looks from where somebody has looked before. */
  visit(camera: Camera): void {
    this.fly(camera);
  }

  redraw(): void {
    if (!this.gone) hubOf().ticker.request(this.frame);
  }

  /** Runs `fn` when the layout that is under way, if any, is on the screen. */
  private after(fn: () => void): void {
    if (this.waiting) this.pendingReveal = fn; else fn();
  }

  private waiting = false;
  private idle: ReturnType<typeof setTimeout> | undefined;

  /** Something was put where there was room, not where it would stand best. */
  get untidy(): boolean {
    return this.placed.some(p => !p.moved);
  }

  /** Lays everything that is open out anew. */
  tidy(): void {
    this.rebuild(null, true);
  }

  private rebuild(hold: string | null, animate = false): void {
    const { model } = this;
    if (!model) return;
    const generation = ++this.generation, known = new Map(this.plans.map((plan, i) => [plan.module, this.placed[i]!])), first = this.scene === null;
    const plans = planOf(model, this.openness.of(model));
    // While rows come, what is placed stays. What the reader opens or closes is laid out anew.
    const result = layouter().layout(plans.map(plan => ({ level: plan.level, before: animate ? null : known.get(plan.module) ?? null })));
    const arrive = (placed: Placed[]) => {
      if (generation !== this.generation || this.gone) return;
      this.waiting = false;
      this.arrive(model, plans, placed, hold, animate || (!first && placed.some((p, i) => p.moved && known.has(plans[i]!.module))), first);
    };
    if (Array.isArray(result)) arrive(result);
    else {
      this.waiting = true;
      result.then(arrive, error => { this.waiting = false; console.error('tapescope:', error); this.hooks.failed?.((error as Error).message); });
    }
  }

  private arrive(model: GraphModel, plans: LevelPlan[], placed: Placed[], hold: string | null, animate: boolean, first: boolean): void {
    const before = this.scene, scene = new Scene(model, plans, placed), shown = this.chosen.map(i => before!.nameOf(i)), wasTall = before?.tall ?? 0;
    this.finishTween();
    this.plans = plans;
    this.placed = placed;
    this.scene = scene;
    this.hovered = this.nearDot = -1;
    this.tip.hide();
    this.chosen = shown.map(name => scene.find(name)).filter(i => i >= 0);
    this.look = this.hooks.look(scene);
    this.map.stale();
    if (before && animate && scene.count < TWEEN_MOST && !calm(this.root)) {
      const item = hold ? scene.find(hold) : -1, old = hold ? before.find(hold) : -1;
      const anchor = item >= 0 && old >= 0 ? toScreen(this.camera, this.size, middle(before, old), before.y[old]!) : null;
      this.tween = { tween: new Tween(before, scene), began: performance.now(), hold: anchor && { item, at: anchor } };
      this.tween.tween.set(0);
    } else if (before && hold) {
      const item = scene.find(hold), old = before.find(hold);
      if (item >= 0 && old >= 0) this.holdAt(item, toScreen(this.camera, this.size, middle(before, old), before.y[old]!));
    }
    if (first) { this.camera = openCamera(this.whole(), this.size); this.moved = false; this.flight = null; }
    else if (!this.moved && scene.tall > wasTall && !animate && !hold) this.fly(openCamera(this.whole(), this.size), false);
    this.hooks.changed();
    this.redraw();
    const then = this.pendingReveal;
    this.pendingReveal = null;
    then?.();
    // When nothing more comes and nobody has begun to look around, the picture may settle.
    clearTimeout(this.idle);
    if (this.untidy && !this.moved) this.idle = setTimeout(() => { if (!this.moved && !this.gone && this.untidy) this.tidy(); }, IDLE_MS);
  }

  private holdAt(item: number, [sx, sy]: [number, number]): void {
    const { scene } = this;
    if (!scene) return;
    const { zoom } = this.camera;
    this.camera = { zoom, x: middle(scene, item) - (sx - this.size.width / 2) / zoom, y: scene.y[item]! - (sy - this.size.height / 2) / zoom };
  }

  private finishTween(): void {
    this.tween?.tween.set(1);
    this.tween = null;
  }

  private put(camera: Camera): void {
    this.flight = null;
    this.moved = true;
    this.camera = this.scene ? kept(camera, this.size, this.whole()) : camera;
    this.movingUntil = performance.now() + 140;
    this.redraw();
  }

  private fly(to: Camera, own = true): void {
    if (own) this.moved = true;
    const near = Math.hypot(to.x - this.camera.x, to.y - this.camera.y) * this.camera.zoom < 1 && Math.abs(to.zoom / this.camera.zoom - 1) < 0.01;
    if (near) return;
    if (calm(this.root) || this.size.width === 0) { this.camera = to; this.redraw(); return; }
    this.finishTween();
    this.flight = { from: this.camera, to, began: performance.now(), ms: 190 };
    this.redraw();
  }

  private jump(x: number, y: number): void {
    this.put({ ...this.camera, x, y });
  }

  whole(): Box {
    return { x: 0, y: 0, w: this.scene?.width ?? 1, h: this.scene?.tall ?? 1 };
  }

  boxOf(i: number): Box {
    const s = this.scene!;
    return { x: s.x[i]!, y: s.y[i]!, w: s.w[i]!, h: s.h[i]! };
  }

  private resize(): void {
    const { clientWidth: width, clientHeight: height } = this.root;
    if (!width || !height || (width === this.size.width && height === this.size.height)) return;
    const first = this.size.width === 0;
    // What is under the pointer stays there when the properties come in from the side.
    const dx = (width - this.size.width) / 2, dy = (height - this.size.height) / 2, shifted = (c: Camera): Camera => ({ zoom: c.zoom, x: c.x + dx / c.zoom, y: c.y + dy / c.zoom });
    if (!first) this.camera = shifted(this.camera);
    if (this.flight) this.flight = { ...this.flight, from: shifted(this.flight.from), to: shifted(this.flight.to) };
    this.size = { width, height };
    this.tip.hide();
    if (first && this.scene) this.camera = openCamera(this.whole(), this.size);
    else if (this.chosen.length === 1) this.fly(reveal(this.flight?.to ?? this.camera, this.size, this.boxOf(this.chosen[0]!)));
    else if (this.scene && !this.moved) this.fly(openCamera(this.whole(), this.size), false);
    this.redraw();
  }

  private readonly frame = (): void => {
    const { scene, canvas, size, look } = this, ratio = this.root.ownerDocument.defaultView?.devicePixelRatio ?? 1;
    if (this.gone || size.width === 0) return;
    const w = Math.round(size.width * ratio), h = Math.round(size.height * ratio);
    if (canvas.width !== w || canvas.height !== h) { canvas.width = w; canvas.height = h; }
    const ctx = canvas.getContext('2d', { alpha: false });
    if (!ctx) return;
    const now = performance.now();
    if (!scene || !look) {
      ctx.setTransform(1, 0, 0, 1, 0, 0);
      ctx.fillStyle = this.palette.theme.bg;
      ctx.fillRect(0, 0, w, h);
      return;
    }
    let again = false;
    if (this.tween) {
      const t = (now - this.tween.began) / TWEEN_MS, { tween, hold } = this.tween;
      tween.set(Math.min(1, t));
      if (hold) this.holdAt(hold.item, hold.at);
      if (t >= 1) this.tween = null;
      else again = true;
      this.painter.drop();
    }
    if (this.flight) {
      const t = (now - this.flight.began) / this.flight.ms;
      this.camera = t >= 1 ? this.flight.to : between(this.flight.from, this.flight.to, Math.max(0, t));
      if (t >= 1) this.flight = null;
      else again = true;
      this.movingUntil = now + (t >= 1 ? 0 : 100);
    }
    const moving = now < this.movingUntil;
    if (this.painter.paint(ctx, size.width, size.height, ratio, scene, look, this.palette, this.camera, moving) || moving) again = true;
    world(ctx, size.width, size.height, ratio, this.camera);
    drawOver(ctx, scene, look, this.palette.theme, this.camera.zoom, this.chosen, this.hovered);
    if (this.hovered >= 0 && this.hooks.dot?.can(scene, this.hovered) && this.camera.zoom >= 0.3 && !look.dot?.[this.hovered]) {
      ctx.globalAlpha = this.nearDot === this.hovered ? 1 : 0.55;
      dot(ctx, scene, this.hovered, this.nearDot === this.hovered ? DOT.off : DOT.none, this.palette, this.camera.zoom);
      ctx.globalAlpha = 1;
    }
    this.map.draw(scene, look, this.palette, this.camera, size, ratio);
    if (again) this.redraw();
  };
}

/** The reader wants no motion. */
export const calm = (el: HTMLElement) => Boolean(el.ownerDocument.defaultView?.matchMedia?.('(prefers-reduced-motion: reduce)').matches);
