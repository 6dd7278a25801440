/** Steps from left to right: the loss as a skyline, findings where they happened, and the step that all panes show. */

import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { Button, show, useSelection } from '../../chrome';
import { lowerBound } from '../../engines/pyramid';
import type { Attachment, Finding, RunStore, Series } from '../../store/types';
import { onTheme, readTheme } from '../../theme';

const PLAY_MS = 80, MARK_PX = 7;
const marked = (f: Finding) => f.step !== null && f.severity !== 'info';

export function Timeline({ at, store }: { at: Attachment; store: RunStore }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const { step } = useSelection(at);
  const [playing, setPlaying] = useState(false);
  const series = store.series.get('loss') ?? [...store.series.values()].reduce<Series | null>((best, s) => (best && best.step.length >= s.step.length ? best : s), null);
  const last = Math.max(store.status?.step ?? 0, series?.step.length ? series.step.data[series.step.length - 1]! : 0);
  const paint = useRef(() => {});
  paint.current = () => { if (canvas.current) draw(canvas.current, store, series, last, step); };

  useLayoutEffect(() => paint.current());
  useEffect(() => {
    const observer = new ResizeObserver(() => paint.current());
    observer.observe(canvas.current!);
    const off = onTheme(canvas.current!, () => paint.current());
    return () => { observer.disconnect(); off(); };
  }, []);
  const ahead = useRef(() => {});
  ahead.current = () => {
    const from = at.selection.get().step ?? 0, stride = Math.max(1, Math.round(last / 150));
    if (from >= last) { setPlaying(false); at.selection.set({ step: null }); } else at.selection.set({ step: Math.min(last, from + stride) });
  };
  useEffect(() => {
    if (!playing) return;
    const timer = setInterval(() => ahead.current(), PLAY_MS);
    return () => clearInterval(timer);
  }, [playing]);

  const put = (to: number | null) => { setPlaying(false); at.selection.set({ step: to === null ? null : Math.round(Math.min(last, Math.max(0, to))) }); };
  const drag = (e: PointerEvent) => {
    if (!(e.buttons & 1)) return;
    const { left, width } = canvas.current!.getBoundingClientRect();
    put(((e.clientX - left) / Math.max(1, width)) * last);
  };
  /** The mark of a finding under the pointer. */
  const findingAt = (e: PointerEvent) => {
    const { left, top, width } = canvas.current!.getBoundingClientRect();
    return e.clientY - top < MARK_PX + 2 ? store.findings.find(f => marked(f) && Math.abs((last > 0 ? f.step! / last : 0) * width - (e.clientX - left)) <= MARK_PX) : undefined;
  };
  const onKey = (e: KeyboardEvent) => {
    const now = step ?? last, big = Math.max(1, Math.round(last / 10));
    const to = { ArrowLeft: now - 1, ArrowRight: now + 1, PageDown: now - big, PageUp: now + big, Home: 0 }[e.key];
    if (e.key === 'End' || e.key === 'Escape') put(null);
    else if (to !== undefined) put(to);
    else return;
    e.preventDefault();
    e.stopPropagation();
  };
  const i = series ? Math.min(series.step.length - 1, lowerBound(series.step.data, series.step.length, step ?? last)) : -1;
  return (
    <div class="ts-timeline">
      <Button icon quiet label={playing ? 'Pause' : 'Play the recorded steps'} onPress={() => { if (!playing && (step === null || step >= last)) at.selection.set({ step: 0 }); setPlaying(!playing); }}>
        <svg width="10" height="10" aria-hidden="true"><path d={playing ? 'M1 0h3v10H1zM6 0h3v10H6z' : 'M1 0l9 5-9 5z'} fill="currentColor" /></svg>
      </Button>
      <canvas ref={canvas} tabIndex={0} role="slider" aria-label="Step" aria-valuemin={0} aria-valuemax={last} aria-valuenow={step ?? last}
        aria-valuetext={step === null ? `latest, step ${last}` : `step ${step} of ${last}`}
        onPointerDown={e => { const met = findingAt(e); if (met) { at.selection.set({ finding: met.id }); put(met.step); return; } canvas.current!.setPointerCapture(e.pointerId); drag(e); }} onPointerMove={drag} onKeyDown={onKey} />
      <span class="ts-mono ts-timeline-now">{step ?? last}{i >= 0 && <span class="ts-faint"> {series!.tag} {show(series!.value.data[i]!, 3)}</span>}</span>
      <Button pressed={step === null} onPress={() => put(null)} title="Follow the newest step">Latest</Button>
    </div>
  );
}

function draw(canvas: HTMLCanvasElement, store: RunStore, series: Series | null, last: number, step: number | null): void {
  const theme = readTheme(canvas), ratio = canvas.ownerDocument.defaultView?.devicePixelRatio ?? 1, W = canvas.clientWidth, H = canvas.clientHeight;
  canvas.width = Math.round(W * ratio);
  canvas.height = Math.round(H * ratio);
  const ctx = canvas.getContext('2d');
  if (!ctx || W < 4) return;
  ctx.scale(ratio, ratio);
  const x = (s: number) => (last > 0 ? (s / last) * (W - 2) + 1 : 1);
  if (series && series.step.length > 1) {
    const { data: ys, length } = series.value, steps = series.step.data, stride = Math.max(1, Math.floor(length / (W * 2)));
    let low = Infinity, high = -Infinity;
    for (let i = 0; i < length; i++) { const v = ys[i]!; if (Number.isFinite(v)) { low = Math.min(low, v); high = Math.max(high, v); } }
    const y = (v: number) => H - 3 - ((v - low) / (high - low || 1)) * (H - 9);
    ctx.beginPath();
    ctx.moveTo(x(steps[0]!), H);
    for (let i = 0; i < length; i += stride) if (Number.isFinite(ys[i]!)) ctx.lineTo(x(steps[i]!), y(ys[i]!));
    ctx.lineTo(x(steps[length - 1]!), H);
    ctx.fillStyle = theme.forwardSoft;
    ctx.fill();
    ctx.strokeStyle = theme.forward;
    ctx.lineWidth = 1.2;
    ctx.stroke();
  }
  ctx.fillStyle = theme.line;
  ctx.fillRect(0, H - 1, W, 1);
  ctx.fillStyle = theme.trouble;
  for (const f of store.findings) {
    if (!marked(f)) continue;
    const at = x(f.step!);
    ctx.beginPath();
    ctx.moveTo(at - 4, 0); ctx.lineTo(at + 4, 0); ctx.lineTo(at, MARK_PX);
    ctx.fill();
  }
  const now = x(step ?? last);
  ctx.fillStyle = step === null ? theme.faint : theme.fg;
  ctx.fillRect(Math.round(Math.min(W - 2, Math.max(0, now - 1))), 0, 2, H);
}
