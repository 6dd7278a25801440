/** A metric of groups of runs over steps: the mean of each as a line, and a band from its least to its greatest run. */

import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { makeTip, show, t, type Tip } from '../../chrome';
import { fillBand, Frame, scaleOf, strokeLine, ticksOf } from '../../engines/plot';
import { lowerBound } from '../../engines/pyramid';
import { onTheme, readTheme, type Theme } from '../../theme';
import type { Band, Compared } from './model';

const TOP = 8, RIGHT = 10, BOTTOM = 20;

export function Bands({ found, root }: { found: Compared; root: HTMLElement }) {
  const plot = useRef<HTMLDivElement>(null), canvas = useRef<HTMLCanvasElement>(null), tip = useRef<Tip | null>(null), frame = useRef<Frame | null>(null);
  const [theme, setTheme] = useState(() => readTheme(root));
  const draw = () => { frame.current = paint(plot.current!, canvas.current!, found.bands, theme); };
  useLayoutEffect(() => onTheme(root, setTheme), []);
  useLayoutEffect(() => {
    tip.current = makeTip(plot.current!);
    return () => tip.current?.remove();
  }, []);
  useLayoutEffect(() => {
    draw();
    const resize = new ResizeObserver(draw);
    resize.observe(plot.current!);
    return () => resize.disconnect();
  });
  const tell = (e: PointerEvent) => {
    const box = plot.current!.getBoundingClientRect(), at = frame.current;
    if (!at) return;
    const x = at.xAt(e.clientX - box.left), rows = found.bands.flatMap(band => { const i = nearest(band, x); return i < 0 ? [] : [`${at_(band, i)}  ${band.name}`]; });
    if (rows.length) tip.current?.show([t('step {0}', Math.round(x)), ...rows].join('\n'), e.clientX - box.left, e.clientY - box.top);
  };
  return (
    <figure class="ts-bands" aria-label={t('{0} over steps', found.tag)}>
      <div class="ts-bands-plot" ref={plot} onPointerMove={tell} onPointerLeave={() => tip.current?.hide()}><canvas ref={canvas} aria-hidden="true" /></div>
      <ul>
        {found.bands.map((band, i) => (
          <li key={band.name}><i style={{ background: colorOf(theme, i) }} /><span class="ts-clip" title={band.name}>{band.name}</span> <span class="ts-mono">{at_(band, band.steps.length - 1)}</span> <span class="ts-faint">{band.runs === 1 ? t('1 run') : t('{0} runs', band.runs)}</span></li>
        ))}
        {found.groups > found.bands.length && <li class="ts-faint">{t('and {0} more', found.groups - found.bands.length)}</li>}
      </ul>
    </figure>
  );
}

const colorOf = (theme: Theme, i: number) => theme.series[i % theme.series.length]!;
const DASHES: readonly (readonly number[])[] = [[], [6, 3], [2, 2]];

/** Mean, and where several runs are in it from the least to the greatest. */
const at_ = (band: Band, i: number) => (band.runs > 1 ? `${show(band.mean[i])} (${show(band.low[i], 3)} – ${show(band.high[i], 3)})` : show(band.mean[i]));

/** The sample beside x; -1 outside. */
function nearest({ steps }: Band, x: number): number {
  if (!steps.length || x < steps[0]! - 0.5 || x > steps.at(-1)! + 0.5) return -1;
  const i = Math.min(steps.length - 1, lowerBound(steps, steps.length, x));
  return i > 0 && x - steps[i - 1]! < steps[i]! - x ? i - 1 : i;
}

function paint(el: HTMLElement, canvas: HTMLCanvasElement, bands: readonly Band[], theme: Theme): Frame | null {
  const { clientWidth: width, clientHeight: height } = el, ratio = el.ownerDocument.defaultView?.devicePixelRatio ?? 1;
  const ctx = width < 60 || height < 60 ? null : canvas.getContext('2d'), ends = bands.flatMap(b => [b.steps[0]!, b.steps.at(-1)!]);
  if (!ctx || !ends.length) return null;
  const y = scaleOf(bands.flatMap(b => [b.low, b.high]), false), ys = ticksOf(y, Math.max(2, Math.floor((height - TOP - BOTTOM) / 30))), words = ys.map(v => show(v, 3));
  const first = Math.min(...ends), last = Math.max(...ends);
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) Object.assign(canvas, { width: Math.round(width * ratio), height: Math.round(height * ratio) });
  ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
  ctx.clearRect(0, 0, width, height);
  ctx.font = `10.5px ${theme.font}`;
  const left = Math.ceil(Math.max(24, ...words.map(word => ctx.measureText(word).width))) + 8;
  const frame = new Frame({ left, top: TOP, width: width - left - RIGHT, height: height - TOP - BOTTOM }, last > first ? { min: first, max: last, log: false } : { min: first - 0.5, max: first + 0.5, log: false }, y);
  const { box } = frame, xs = ticksOf(frame.x, Math.max(2, Math.floor(box.width / 60))).filter(Number.isInteger);
  ctx.fillStyle = theme.inset;
  for (const v of ys) ctx.fillRect(box.left, Math.round(frame.top(v)), box.width, 1);
  ctx.fillStyle = theme.muted;
  ctx.textAlign = 'right';
  ctx.textBaseline = 'middle';
  ys.forEach((v, i) => ctx.fillText(words[i]!, box.left - 6, frame.top(v)));
  ctx.textAlign = 'center';
  ctx.textBaseline = 'alphabetic';
  for (const v of xs) ctx.fillText(String(v), frame.left(v), box.top + box.height + 14);
  bands.forEach((band, i) => { if (band.runs > 1) fillBand(ctx, frame, band.steps, band.high, band.low, `${colorOf(theme, i)}29`); });
  bands.forEach((band, i) => strokeLine(ctx, frame, band.steps, { ys: band.mean, color: colorOf(theme, i), width: 1.6, dash: DASHES[Math.floor(i / theme.series.length) % DASHES.length] }));
  return frame;
}
