/** One tensor as numbers became it: any rank by slices, its distribution in a line, its history by a slider. */

import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { bytes, Empty, makeTip, Nothing, Select, show, Slider, useRedraw, useRun, useSelection, type Tip } from '../../chrome';
import { defaultChoice, fitChoice, sliceOf, sparkBins, type Choice } from '../../engines/slice';
import { probe } from '../../probe';
import type { Attachment, NamedAxis, RunStore, TensorValue, View } from '../../store/types';
import { addStyle, onTheme, readTheme } from '../../theme';
import { viewOf, type ViewProps } from '../mount';
import { paintSlice, paletteOf, rampCss, type Placed } from './heat';
import { STYLE } from './style';

function TensorView({ at, host, root }: ViewProps) {
  const store = useRun(at, ['stats', 'graph', 'status']);
  const selection = useSelection(at);
  const pinned = typeof host.options?.key === 'string' ? host.options.key : null;
  const [picked, setPicked] = useState<string | null>(pinned);
  const [theme, setTheme] = useState(() => readTheme(root));
  useEffect(() => { addStyle(root, 'tapescope-tensor', STYLE); return onTheme(root, setTheme); }, []);

  // What was selected anywhere on the page is shown here, unless this view was made for one tensor.
  const wanted = pinned === null ? keyOf(store, selection) : null;
  useEffect(() => { if (wanted) setPicked(wanted); }, [wanted]);
  const keys = keysOf(store);
  const key = picked ?? keys.find(k => /^weight\/.*weight$/.test(k)) ?? keys[0] ?? null;
  const { list, problem } = useTensor(at, store, key);

  if (!store || (!key && !list.length)) {
    return <Nothing link={at.link} recorded={store !== null} what="No tensor chosen" code={'tape.tensor("weight/fc1.weight")'} />;
  }
  const choose = (k: string) => { setPicked(k); if (pinned === null) at.selection.set({ key: k }); };
  return (
    <div class="ts-column ts-tensor">
      <div class="ts-bar">
        <Select label="Tensor" hideLabel value={key!} options={keys.includes(key!) ? keys : [key!, ...keys]} onChange={choose} />
        {list.length > 0 && <span class="ts-mono ts-muted ts-clip">{describe(list.at(-1)!)}</span>}
      </div>
      {list.length > 0
        ? <Shown key={key!} list={list} step={selection.step} palette={paletteOf(theme)} onStep={step => at.selection.set({ step })} />
        : problem
          ? <Empty title={`No values of ${key}`}>{problem}</Empty>
          : <Empty title="Waiting for its next occurrence">A probe is set on <span class="ts-mono">{key}</span>; its values come with the next step that is recorded.</Empty>}
    </div>
  );
}

function Shown({ list, step, palette, onStep }: { list: TensorValue[]; step: number | null; palette: ReturnType<typeof paletteOf>; onStep(step: number | null): void }) {
  const box = useRef<HTMLDivElement>(null), canvas = useRef<HTMLCanvasElement>(null), tip = useRef<Tip | null>(null), placed = useRef<Placed | null>(null);
  const [choice, setChoice] = useState<Choice | null>(null);
  const [cursor, setCursor] = useState<[number, number] | null>(null);
  const at = step === null ? list.length - 1 : Math.max(0, list.filter(t => t.step <= step).length - 1);
  const tensor = list[at]!;
  const { values } = tensor, shape = tensor.part ?? tensor.shape;
  const whole = shape.reduce((a, b) => a * b, 1) === values.length;
  const chosen = fitChoice(choice ?? defaultChoice(shape), shape);
  const slice = useMemo(() => sliceOf(shape, chosen, whole ? undefined : values.length), [tensor, JSON.stringify(chosen)]);
  const limit = useMemo(() => strongest(values), [values]);
  const signed = (tensor.stats.min ?? 0) < 0;
  const paint = useRef(() => {});
  paint.current = () => { placed.current = canvas.current && paintSlice(canvas.current, slice, values, limit, signed, palette); };

  useEffect(() => {
    tip.current = makeTip(box.current!);
    const observer = new ResizeObserver(() => paint.current());
    observer.observe(box.current!);
    return () => { observer.disconnect(); tip.current?.remove(); };
  }, []);
  useLayoutEffect(() => paint.current());

  const say = (r: number, c: number): string => {
    const flat = slice.offset(r, c);
    return flat < 0 ? '' : `[${slice.index(r, c).join(', ')}]${wordsAt(tensor.axes, slice.index(r, c))}  ${values[flat] === undefined ? '' : show(values[flat]!, 6)}`;
  };
  const point = (r: number, c: number) => {
    const p = placed.current;
    if (!p || r < 0 || c < 0 || r >= p.rows || c >= p.columns || !say(r, c)) { tip.current?.hide(); return; }
    tip.current?.show(say(r, c), (c + 0.5) * p.cell[0], (r + 0.5) * p.cell[1]);
  };
  const onKey = (e: KeyboardEvent) => {
    const move = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[e.key];
    if (!move) return;
    e.preventDefault();
    e.stopPropagation();
    const [r, c] = cursor ?? [0, -1];
    const next: [number, number] = [Math.min(slice.rows - 1, Math.max(0, r + move[0]!)), Math.min(slice.columns - 1, Math.max(0, c + move[1]!))];
    setCursor(next);
    point(...next);
  };
  const others = shape.map((_, d) => d).filter(d => d !== chosen.row && d !== chosen.column);
  const dimensions = shape.map((n, d) => ({ value: String(d), label: `dim ${d} (${n})` }));
  return (
    <div class="ts-column">
      <Summary tensor={tensor} whole={whole} />
      {whole && shape.length > 2 && (
        <div class="ts-bar ts-slices">
          <Select label="Rows" value={String(chosen.row)} options={dimensions} onChange={v => setChoice({ ...chosen, row: Number(v), column: Number(v) === chosen.column ? chosen.row : chosen.column })} />
          <Select label="Columns" value={String(chosen.column)} options={dimensions} onChange={v => setChoice({ ...chosen, column: Number(v), row: Number(v) === chosen.row ? chosen.column : chosen.row })} />
          {others.map(d => (
            <Slider key={d} label={`dim ${d}`} value={chosen.at[d]!} max={shape[d]! - 1} step={1} width={80} format={String}
              onChange={i => setChoice({ ...chosen, at: chosen.at.map((old, k) => (k === d ? i : old)) })} />
          ))}
        </div>
      )}
      {[chosen.row, chosen.column].filter((d, i, all) => all.indexOf(d) === i).map(d => {
        const words = wordsOf(tensor.axes, d, chosen.at);
        return words && <p key={d} class="ts-words ts-mono ts-clip" title={words.join(' ')}><span class="ts-faint">dim {d}</span> {words.join(' \u00b7 ')}</p>;
      })}
      <div class="ts-heat ts-grow" ref={box}>
        {shape.length === 0
          ? <div class="ts-scalar ts-mono">{show(values[0], 8)}</div>
          : values.length === 0
            ? <Empty title="An empty tensor">Its shape is ({shape.join(', ')}).</Empty>
            : <canvas ref={canvas} tabIndex={0} role="img" aria-label={`${tensor.key} at step ${tensor.step}, ${describe(tensor)}. ${cursor ? say(...cursor) : 'Arrow keys read values.'}`} onKeyDown={onKey}
              onPointerMove={e => { const p = placed.current; if (p) point(Math.floor(e.offsetY / p.cell[1]), Math.floor(e.offsetX / p.cell[0])); }}
              onPointerLeave={() => tip.current?.hide()} onBlur={() => tip.current?.hide()} />}
      </div>
      <div class="ts-bar ts-foot">
        <span class="ts-ramp"><span class="ts-mono">{signed ? show(-limit, 2) : '0'}</span><i style={{ background: rampCss(palette, signed) }} /><span class="ts-mono">{show(limit, 2)}</span></span>
        {list.length > 1 && <Slider label="Step" value={at} max={list.length - 1} step={1} width="100%" format={i => String(list[i]?.step ?? '')} onChange={i => onStep(i === list.length - 1 ? null : list[i]!.step)} />}
        {list.length === 1 && <span class="ts-muted">step {tensor.step}</span>}
      </div>
    </div>
  );
}

function Summary({ tensor, whole }: { tensor: TensorValue; whole: boolean }) {
  const { stats, values } = tensor;
  const spark = useMemo(() => sparkBins(values, 40), [values]);
  const most = Math.max(1, ...spark.counts);
  const bars = [...spark.counts].map((n, i) => `M${i * 3 + 0.5} 24v${-(n ? Math.max(1, (n / most) * 23) : 0)}h2v${n ? Math.max(1, (n / most) * 23) : 0}z`).join('');
  const zeroAt = ((0 - spark.from) / (spark.to - spark.from)) * 120;
  const bad = (stats.nan ?? 0) + (stats.inf ?? 0);
  const fact = (name: string, value: number | null | undefined, unit = '') => value != null && <span><span class="ts-faint">{name}</span> <b>{show(value)}{unit}</b></span>;
  return (
    <div class="ts-summary">
      <svg width="120" height="25" role="img" aria-label={`values from ${show(stats.min)} to ${show(stats.max)}`}>
        <path d={bars} fill="var(--ts-forward)" opacity="0.75" />
        {zeroAt > 0 && zeroAt < 120 && <path d={`M${zeroAt} 0V25`} stroke="var(--ts-faint)" stroke-dasharray="2 2" />}
      </svg>
      <div class="ts-facts ts-mono">
        {fact('mean', stats.mean)}{fact('std', stats.std)}{fact('min', stats.min)}{fact('max', stats.max)}{fact('norm', stats.norm)}
        {(stats.zero ?? 0) > 0 && fact('zero', Number(((stats.zero! / (stats.count || 1)) * 100).toPrecision(3)), '%')}
        {bad > 0 && <span class="ts-bad">✕ {show(stats.nan ?? 0)} nan, {show(stats.inf ?? 0)} inf</span>}
        {tensor.part ? <span class="ts-faint">{tensor.every! > 1 ? `${tensor.part[0]} of ${tensor.shape[0]} rows, every ${tensor.every}` : `the first ${tensor.part[0]} of ${tensor.shape[0]} rows`}</span> : !whole && <span class="ts-faint">sample of {values.length}</span>}
      </div>
    </div>
  );
}

/** Values of one key, by a probe; the probe goes when nobody looks. */
function useTensor(at: Attachment, store: RunStore | null, key: string | null): { list: TensorValue[]; problem: string } {
  const redraw = useRedraw();
  const [problem, setProblem] = useState('');
  useEffect(() => {
    setProblem('');
    if (!store || !key) return;
    const offs = [at.need('tensor', { id: key }), store.on('tensor', redraw), probe(at, key, setProblem)];
    return () => offs.forEach(off => off());
  }, [at, store, key]);
  return { list: (key && store?.tensors.get(key)) || [], problem };
}

/** The words along an axis, for the slice that is shown. */
export function wordsOf(axes: readonly NamedAxis[] | undefined, axis: number, at: readonly number[]): string[] | null {
  const named = axes?.find(a => a.axis === axis), words = named && (named.by === undefined ? named.words : named.words[at[named.by] ?? 0]);
  return words?.length ? words as string[] : null;
}

/** ' the → garden': what stands at a place, along each axis that has words. */
export function wordsAt(axes: readonly NamedAxis[] | undefined, index: readonly number[]): string {
  const words = (axes ?? []).map(a => (a.by === undefined ? a.words[index[a.axis]!] : a.words[index[a.by]!]?.[index[a.axis]!]) as string | undefined);
  return words.some(w => w !== undefined) ? `  ${words.map(w => w ?? '?').join(' \u2192 ')}` : '';
}

const describe = (t: TensorValue) => `${t.dtype} (${t.shape.join(', ')})  ${bytes(t.shape.reduce((a, b) => a * b, 1) * itemSize(t.dtype))}`;
const itemSize = (dtype: string) => (/(\d+)/.exec(dtype) ? Number(/(\d+)/.exec(dtype)![1]) / 8 : 1);

/** The magnitude below which nearly all values lie, so that one outlier does not wash out the rest. */
function strongest(values: Float32Array): number {
  const { from, to } = sparkBins(values, 1);
  const limit = Math.max(Math.abs(from), Math.abs(to));
  return Number.isFinite(limit) ? limit : 0;
}

function keyOf(store: RunStore | null, s: { key: string | null; op: number | null; source: number | null }): string | null {
  if (s.key) return s.key;
  if (s.op !== null) return `output/${s.op}`;
  const g = store?.graph;
  if (g && s.source !== null && s.source < g.sources.count && g.sources.kind[s.source] === 1) return `weight/${store.text(g.sources.name[s.source]!)}`;
  return null;
}

function keysOf(store: RunStore | null): string[] {
  return store ? [...new Set([...store.stats.keys(), ...store.tensors.keys()])].filter(key => PROBED.test(key)).sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1)) : [];
}
const PROBED = /^(weight|grad|activation|output|attention)\//;
const ORDER = ['weight', 'grad', 'activation', 'attention', 'output'];
const rank = (key: string) => { const at = ORDER.indexOf(key.split('/')[0]!); return at < 0 ? ORDER.length : at; };

export const tensor: View = viewOf(TensorView);
