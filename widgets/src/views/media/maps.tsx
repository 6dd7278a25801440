/** Without any logging: filters of convolutions, feature maps, attention, rows of an embedding, as grids of pictures over the steps. */

import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { Button, makeTip, show, Slider, t, useRedraw, type Tip } from '../../chrome';
import { parseColour, sequential } from '../../engines/heatmap_lut';
import { gridOf, paintTile, rangeOf } from '../../engines/imagegrid';
import { probe } from '../../probe';
import type { Attachment, RunStore } from '../../store/types';
import { onTheme, readTheme } from '../../theme';

export interface Candidate { key: string; label: string; what: 'filters' | 'maps' | 'inputs' }

const rank = (shape: string) => (shape === '' ? 0 : shape.split('x').length);
const MOST = 24;
/** CSS pixels between tiles. */
const GAP = 3;

/** What of this model is a picture: the batch that comes in, kernels of convolutions, images that modules give, attention after its softmax, embeddings. */
export function candidates(store: RunStore): Candidate[] {
  const { graph } = store, found = new Map<string, Candidate>();
  if (!graph) return [];
  const { ops, modules, sources } = graph, text = (i: number) => store.text(i), add = (key: string, label: string, what: Candidate['what']) => { if (!found.has(key)) found.set(key, { key, label, what }); };
  const given = pictures(store);
  if (given !== null) add(`input/${given}`, t('{0}, input', given), 'inputs');
  for (let s = 0; s < sources.count; s++) {
    const name = text(sources.name[s]!), cls = sources.module[s]! >= 0 ? text(modules.cls[sources.module[s]!]!) : '';
    if (sources.kind[s] === 1 && (rank(text(sources.shape[s]!)) === 4 || (/Embedding/.test(cls) && rank(text(sources.shape[s]!)) === 2))) add(`weight/${name}`, t('{0}, filters', name), 'filters');
  }
  for (let m = 0; m < modules.count; m++) {
    const last = modules.last[m]!, path = text(modules.path[m]!);
    if (path && last >= 0 && last < ops.count && rank(text(ops.shape[last]!)) === 4) add(`activation/${path}`, t('{0}, maps', path), 'maps');
  }
  for (let op = 0; op < ops.count; op++) {
    const shape = text(ops.shape[op]!), sides = shape.split('x');
    if (/^_?(log_)?softmax$/.test(text(ops.name[op]!)) && sides.length >= 3 && sides.at(-1) === sides.at(-2)) add(`output/${op}`, t('{0}, attention', ops.module[op]! >= 0 ? text(modules.path[ops.module[op]!]!) : `softmax ${op}`), 'maps');
  }
  return [...found.values()].slice(0, MOST);
}

/** The module that is given a batch of pictures, [n, 1 or 3, height, width], which no op has made. */
function pictures(store: RunStore): string | null {
  const { ops, modules, sources } = store.graph!, text = (i: number) => store.text(i);
  for (let op = 0; op < ops.count; op++) for (let i = 0; i < ops.inCount[op]!; i++) {
    const source = -ops.ins[ops.inStart[op]! + i]! - 1, module = ops.module[op]!;
    if (source >= 0 && sources.kind[source] === 0 && /^\d+x[13]x\d+x\d+$/.test(text(sources.shape[source]!)) && module >= 0 && text(modules.path[module]!)) return text(modules.path[module]!);
  }
  return null;
}

/** What a key is that somebody asked for by name. */
export const whatOf = (key: string): Candidate['what'] => (key.startsWith('weight/') ? 'filters' : key.startsWith('input/') ? 'inputs' : 'maps');

const WORD = { filters: ['filter {0}', 'filters'], maps: ['map {0}', 'maps'], inputs: ['row {0}', 'inputs'] } as const;

export function Maps({ at, store, candidate, step, onClose }: { at: Attachment; store: RunStore; candidate: Candidate; step: number | null; onClose(): void }) {
  const { key, what } = candidate, redraw = useRedraw(), box = useRef<HTMLDivElement>(null), canvas = useRef<HTMLCanvasElement>(null), tip = useRef<Tip | null>(null);
  const [sample, setSample] = useState(0), [problem, setProblem] = useState('');
  const placed = useRef({ across: 1, w: 1, h: 1, scale: 1 });
  useEffect(() => {
    setProblem('');
    const offs = [at.need('tensor', { id: key }), store.on('tensor', redraw), at.link.state === 'replay' ? undefined : probe(at, key, setProblem)];
    return () => offs.forEach(off => off?.());
  }, [at, store, key]);
  useEffect(() => {
    tip.current = makeTip(box.current!);
    const off = onTheme(box.current!, redraw), observer = new ResizeObserver(redraw);
    observer.observe(box.current!);
    return () => { off(); observer.disconnect(); tip.current?.remove(); };
  }, []);
  const list = store.tensors.get(key) ?? [], tensor = list[step === null ? list.length - 1 : Math.max(0, list.filter(v => v.step <= step).length - 1)];
  const shape = tensor ? tensor.part ?? tensor.shape : [], grid = useMemo(() => gridOf(shape, what, sample), [shape.join(), what, sample]);
  useLayoutEffect(() => {
    const el = canvas.current, ctx = el?.getContext('2d');
    if (!el || !ctx || !tensor || !grid) return;
    const theme = readTheme(el), n = grid.tiles.length, room = box.current!.clientWidth || 300, ratio = globalThis.devicePixelRatio || 1;
    const wish = Math.min(Math.max(grid.width, 150), Math.max(44, room / Math.ceil(Math.sqrt(n)))), across = Math.max(1, Math.min(n, Math.floor((room + GAP) / (wish + GAP))));
    const space = Math.min((room - GAP * (across - 1)) / across, Math.max(grid.width, 150)), scale = space >= grid.width ? Math.floor(space / grid.width) : space / grid.width;
    const w = grid.width * scale, h = grid.height * scale, W = across * (w + GAP) - GAP, H = Math.ceil(n / across) * (h + GAP) - GAP;
    const range = rangeOf(tensor.values, grid), most = Math.max(Math.abs(range[0]), Math.abs(range[1])) || 1, ground = parseColour(theme.bg);
    const [up, down] = [sequential(ground, parseColour(theme.forward)), sequential(ground, parseColour(theme.backward))], trouble = parseColour(theme.trouble);
    // The ramps end near black (or white), where hues meet: a signed picture stops before that.
    const end = range[0] < 0 ? 185 : 255, colourOf = (v: number) => (v < 0 ? down : up)[Math.min(end, Math.round((Math.abs(v) / most) * end))]!, bad = (0xff000000 | (trouble[2] << 16) | (trouble[1] << 8) | trouble[0]) >>> 0;
    Object.assign(el, { width: Math.round(W * ratio), height: Math.round(H * ratio) });
    Object.assign(el.style, { width: `${W}px`, height: `${H}px` });
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    const small = el.ownerDocument.createElement('canvas'), pen = Object.assign(small, { width: grid.width, height: grid.height }).getContext('2d')!;
    const image = pen.createImageData(grid.width, grid.height), pixels = new Uint32Array(image.data.buffer);
    ctx.imageSmoothingEnabled = scale < 1;
    ctx.strokeStyle = theme.line;
    for (let i = 0; i < n; i++) {
      if (grid.tiles[i]!.offset + grid.width * grid.height * grid.channels > tensor.values.length) break;
      paintTile(pixels, tensor.values, grid, i, colourOf, range, bad);
      pen.putImageData(image, 0, 0);
      const x = (i % across) * (w + GAP), y = Math.floor(i / across) * (h + GAP);
      ctx.drawImage(small, x, y, w, h);
      ctx.strokeRect(x + 0.5, y + 0.5, w - 1, h - 1);
      const label = tensor.labels?.[i * (tensor.every ?? 1)];
      if (label !== undefined) tag(ctx, String(label), x + 3, y + 3, theme);
    }
    placed.current = { across, w, h, scale };
  });
  const read = (e: PointerEvent) => {
    const el = canvas.current!, r = el.getBoundingClientRect();
    if (!tensor || !grid) return;
    const { across, w, h, scale } = placed.current, px = e.clientX - r.left, py = e.clientY - r.top, column_ = Math.floor(px / (w + GAP)), row_ = Math.floor(py / (h + GAP));
    const row = Math.floor((py - row_ * (h + GAP)) / scale), column = Math.floor((px - column_ * (w + GAP)) / scale), tile = column_ < across ? grid.tiles[row_ * across + column_] : undefined;
    if (!tile || row >= grid.height || column >= grid.width) return tip.current?.hide();
    const label = what === 'inputs' ? tensor.labels?.[Number(tile.label) * (tensor.every ?? 1)] : undefined, labelled = label === undefined ? '' : `, ${t('label {0}', label)}`;
    tip.current?.show(`${t(WORD[what][0], tile.label)}${labelled}  [${row}, ${column}]\n${show(tensor.values[tile.offset + row * grid.stepY + column * grid.stepX]!, 5)}`, e.clientX - box.current!.getBoundingClientRect().left, e.clientY - box.current!.getBoundingClientRect().top);
  };
  const samples = what === 'maps' && shape.length >= 4 ? shape[0]! : 1;
  return (
    <figure class="ts-media-card" data-wide={grid && grid.tiles.length > 24 ? true : undefined}>
      <figcaption data-wraps>
        <b class="ts-clip" title={key}>{candidate.label}</b>
        <Button quiet icon label={t('Do not watch {0} any more', key)} onPress={onClose}>✕</Button>
        <span style={{ flexBasis: '100%' }}>{tensor ? `${tensor.shape.join('×')}  ${t('step {0}', tensor.step)}${tensor.part && tensor.part[0]! < tensor.shape[0]! ? `  ${t('{0} of {1} rows', tensor.part[0]!, tensor.shape[0]!)}` : ''}` : ''}</span>
      </figcaption>
      <div class="ts-media-maps" ref={box}>
        {tensor && grid ? <canvas ref={canvas} role="img" aria-label={t('{0} of {1}, step {2}', t(WORD[what][1]), key, tensor.step)} onPointerMove={read} onPointerLeave={() => tip.current?.hide()} />
          : <p class="ts-media-note" role="status">{problem || t('Its values come with the next step that is recorded.')}</p>}
      </div>
      {samples > 1 && <Slider label={t('Sample')} value={Math.min(sample, samples - 1)} max={samples - 1} step={1} onChange={setSample} format={String} width={120} />}
    </figure>
  );
}

/** A word in the corner of a tile, on a ground of its own. */
function tag(ctx: CanvasRenderingContext2D, text: string, x: number, y: number, theme: ReturnType<typeof readTheme>): void {
  ctx.font = `600 10px ${theme.font}`;
  ctx.textBaseline = 'top';
  ctx.fillStyle = theme.bg;
  ctx.fillRect(x - 1, y - 1, ctx.measureText(text).width + 5, 12);
  ctx.fillStyle = theme.fg;
  ctx.fillText(text, x + 1, y + 1);
}
