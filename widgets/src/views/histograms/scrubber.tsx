/** The step that everything looks at: drag, play, or stay with the newest. */

import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { Button } from '../../chrome';
import { rowOfStep } from '../../engines/heatmap';

/** Milliseconds from one step to the next while playing, at least; long runs skip steps to end within MOST_MS. */
const LEAST_MS = 60;
const MOST_MS = 12_000;

/** The known step nearest to `step`. */
export function nearestStep(steps: ArrayLike<number>, step: number): number {
  const data = Int32Array.from(steps as ArrayLike<number>);
  const row = rowOfStep({ data, length: data.length }, step);
  if (row < 0) return data[0] ?? step;
  return row + 1 < data.length && data[row + 1]! - step < step - data[row]! ? data[row + 1]! : data[row]!;
}

/**
 * `steps` ascend; `step` null means the newest. Playing goes through what the page already has: no round trip a frame.
 * Comma and full stop on any focused control of the view are the caller's to bind; arrows work on the slider itself.
 */
export function Scrubber({ steps, step, live, slow = 1, onStep }: {
  steps: ArrayLike<number>; step: number | null; live: boolean; /** Play slower by this factor. */ slow?: number; onStep(step: number | null): void;
}) {
  const [playing, setPlaying] = useState(false);
  const n = steps.length;
  const first = n ? steps[0]! : 0;
  const last = n ? steps[n - 1]! : 0;
  const shown = step === null ? last : step;
  const state = useRef({ steps, shown, onStep });
  state.current = { steps, shown, onStep };
  const stops = useMemo(() => Int32Array.from(steps), [n, first, last]);

  useEffect(() => {
    if (!playing) return;
    const timer = setInterval(() => {
      const now = state.current;
      const length = now.steps.length;
      const at = rowOfStep({ data: Int32Array.from(now.steps as ArrayLike<number>), length }, now.shown);
      const stride = Math.max(1, Math.round((length * LEAST_MS * slow) / MOST_MS));
      if (at + 1 >= length) setPlaying(false);
      else now.onStep(now.steps[Math.min(length - 1, at + stride)]!);
    }, LEAST_MS * slow);
    return () => clearInterval(timer);
  }, [playing, slow]);

  const play = () => {
    if (!playing && shown >= last) onStep(first);
    setPlaying(!playing);
  };
  const go = (by: number) => {
    const at = rowOfStep({ data: stops, length: n }, shown);
    onStep(stops[Math.min(n - 1, Math.max(0, at + by))]!);
  };
  const share = last > first ? ((Math.min(Math.max(shown, first), last) - first) / (last - first)) * 100 : 100;
  return (
    <div class="ts-scrub" role="group" aria-label="Step">
      <Button quiet icon label={playing ? 'Pause' : 'Play the steps'} disabled={n < 2} onPress={play}>
        <svg width="10" height="10" viewBox="0 0 10 10" aria-hidden="true" fill="currentColor">
          {playing ? <path d="M1 0h3v10H1zM6 0h3v10H6z" /> : <path d="M1 0l8.5 5L1 10z" />}
        </svg>
      </Button>
      <input class="ts-slider ts-grow" type="range" aria-label="Step" min={first} max={Math.max(last, first + 1)} step={1} value={shown} disabled={n < 2}
        aria-valuetext={`step ${shown} of ${last}`} style={{ '--at': `${share}%` }}
        onInput={(e) => onStep(nearestStep(stops, Number((e.currentTarget as HTMLInputElement).value)))}
        onKeyDown={(e) => {
          const by = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[e.key];
          if (by) {
            e.preventDefault();
            e.stopPropagation();
            go(by);
          }
        }} />
      <span class="ts-scrub-step"><span class="ts-muted">step</span> <b>{n ? shown : '\u2013'}</b></span>
      <Button quiet pressed={step === null} title={live ? 'Stay with the newest step' : 'Go to the last step'} onPress={() => onStep(step === null ? shown : null)}>
        <i class="ts-dot" data-on={(live && step === null) || undefined} aria-hidden="true" />{live ? 'Live' : 'Last'}
      </Button>
    </div>
  );
}
