/** The chosen tensor, large: its picture in one of four forms and its figures at the step looked at. */

import { useEffect, useRef, useState } from 'preact/hooks';
import { Badge, Button, makeTip, Tabs, type Tip } from '../../chrome';
import { percent, short } from '../../engines/bins_ticks';
import type { RunStore } from '../../store/types';
import type { Breaks } from './list';
import { HEADINGS, isBackward, kindOf, nameOf, statRow } from './model';
import { MODES, type FocusPlot, type Mode } from './plot';
import { rampCss, type Paint } from './tiles';

const FIGURES = ['mean', 'std', 'min', 'max', 'norm'] as const;

export function Focus({ store, id, step, mode, onMode, onStep, paint, plot, draw, onBack, breaks }: {
  store: RunStore; id: string; step: number | null; mode: Mode; onMode(mode: Mode): void; onStep(step: number): void;
  paint: Paint; plot: FocusPlot; /** Paints the canvas with what holds now. */ draw(canvas: HTMLCanvasElement): void; onBack?: () => void; breaks: Breaks;
}) {
  const box = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const tip = useRef<Tip | null>(null);
  const [held, setHeld] = useState(false);
  useEffect(() => {
    const note = (tip.current = makeTip(box.current!));
    const observer = typeof ResizeObserver === 'function' ? new ResizeObserver(() => canvas.current && draw(canvas.current)) : null;
    observer?.observe(box.current!);
    return () => {
      note.remove();
      observer?.disconnect();
    };
  }, []);
  useEffect(() => {
    if (canvas.current) draw(canvas.current);
  });
  const at = (e: PointerEvent) => {
    const rect = canvas.current!.getBoundingClientRect();
    return plot.read(e.clientX - rect.left, e.clientY - rect.top);
  };
  const onMove = (e: PointerEvent) => {
    const reading = at(e);
    if (!reading) return tip.current?.hide();
    if (held) onStep(reading.step);
    const rect = canvas.current!.getBoundingClientRect();
    tip.current?.show(`step ${reading.step}\nvalue ${short(reading.value)}`, e.clientX - rect.left, e.clientY - rect.top);
  };
  const stats = store.stats.get(id);
  const whole = (store.histograms.get(id)?.step.length ?? 0) > 0;
  const row = stats ? statRow(stats, step) : -1;
  const field = (name: keyof NonNullable<typeof stats>['fields']) => stats!.fields[name].data[row]!;
  const count = row >= 0 ? field('count') || 1 : 1;
  const kind = kindOf(id);
  return (
    <section class="ts-hist-focus" aria-label={`${nameOf(id)} ${kind}`}>
      <div class="ts-hist-title">
        {onBack && <Button quiet icon label="Back to all tensors" onPress={onBack}>{'\u2190'}</Button>}
        <h2 class="ts-clip" title={nameOf(id)}>{nameOf(id)}</h2>
        {kind && <Badge tone={isBackward(id) ? 'backward' : 'forward'}>{HEADINGS[kind] ?? kind}</Badge>}
        {breaks.can(nameOf(id)) && <Button quiet pressed={breaks.on(nameOf(id))} title="Break when its gradient is complete" onPress={() => breaks.flip(nameOf(id))}>Break here</Button>}
      </div>
      <div class="ts-hist-modes">
        <Tabs as="radio" label="Picture" value={whole ? mode : 'bands'} options={whole ? MODES : [{ value: 'bands', label: 'Mean and spread' }]} onChange={(m) => onMode(m as Mode)} />
        {whole && mode === 'heat' && <span class="ts-hist-ramp" aria-hidden="true">few<i style={{ background: rampCss(paint.tables[isBackward(id) ? 'backward' : 'forward']) }} />many</span>}
        {whole && mode === 'bands' && <span class="ts-hist-ramp">1, 5, 25, 50, 75, 95, 99%</span>}
        {!whole && <span class="ts-hist-ramp">min, mean {'\u00b1'} 1 and 2 std, max</span>}
      </div>
      <div class="ts-hist-plot" ref={box}>
        <canvas ref={canvas} role="img" aria-label={`${MODES.find((m) => m.value === mode)!.label} of ${nameOf(id)} ${kind} over steps`}
          onPointerDown={(e) => { const r = at(e); if (r) { setHeld(true); (e.currentTarget as Element).setPointerCapture?.(e.pointerId); onStep(r.step); } }}
          onPointerMove={onMove} onPointerUp={() => setHeld(false)} onPointerCancel={() => setHeld(false)} onPointerLeave={() => tip.current?.hide()} />
      </div>
      {!whole && <p class="ts-hist-note">Recorded without bins. For distributions: <code class="ts-mono">ts.record(values="histogram")</code></p>}
      {stats && row >= 0 && (
        <dl class="ts-hist-figures">
          {FIGURES.map((name) => <div key={name}><dt>{name}</dt><dd>{short(field(name))}</dd></div>)}
          <div><dt>zero</dt><dd>{percent(field('zero') / count)}</dd></div>
          {(['nan', 'inf'] as const).map((name) => <div key={name} data-trouble={field(name) > 0 || undefined}><dt>{name}</dt><dd>{field(name) > 0 ? percent(field(name) / count) : '0'}</dd></div>)}
        </dl>
      )}
    </section>
  );
}
