/** The whole pass as a line: where it stands, places that were kept on the way, breakpoints; drag it, or play it on the page. */

import { useEffect, useRef } from 'preact/hooks';
import { Button, t } from '../../chrome';

/** After so long without a move the pass goes where the slider stands. */
const REST_MS = 140;
/** A whole pass takes no longer than this, and a node no less than a frame. */
const WHOLE_MS = 12_000;

export interface ScrubberProps {
  /** Runs while the pass waits for the slider to rest. */
  timer?: { current: ReturnType<typeof setTimeout> | undefined };
  /** Whether somebody holds the slider. */
  dragged?: { current: boolean };
  index: number; total: number; ghost: number | null; kept: readonly number[]; stops: readonly number[]; disabled: boolean;
  /** Where the page looks meanwhile; null: where the pass stands. */
  onGhost(index: number | null): void;
  onGo(index: number): void;
  playing: boolean; onPlay(on: boolean): void;
}

export function Scrubber({ timer: given, dragged: hand, index, total, ghost, kept, stops, disabled, onGhost, onGo, playing, onPlay }: ScrubberProps) {
  const own = useRef<ReturnType<typeof setTimeout> | undefined>(undefined), timer = given ?? own, shown = ghost ?? index;
  const mine = useRef(false), dragged = hand ?? mine;
  const leave = useRef(() => {});
  leave.current = () => { if (timer.current !== undefined) go(shown); };      // the view goes away before the slider has rested
  useEffect(() => () => { dragged.current = false; leave.current(); }, []);
  const still = () => { clearTimeout(timer.current); timer.current = undefined; };
  const now = useRef(onGo);
  now.current = onGo;                                   // where the pass stands when the slider rests, not when it was moved
  const go = (to: number) => { still(); now.current(to); };
  const rest = (to: number, ms: number) => { still(); timer.current = setTimeout(() => go(to), ms); };
  const move = (to: number) => { onPlay(false); onGhost(to); if (dragged.current) still(); else rest(to, REST_MS); };
  usePlay(playing, shown, total, onGhost, end => { onPlay(false); onGo(end); });
  const line = (list: readonly number[], from: number, to: number) => list.map(i => `M${i} ${from}V${to}`).join('');
  return (
    <div class="ts-scrub">
      <Button quiet icon disabled={disabled} label={playing ? t('Pause') : t('Play')} title={playing ? t('Stop here (k)') : t('Play from here: the picture goes on, 60 nodes a second, the pass follows when it stops (k)')} onPress={() => { if (playing) { onPlay(false); onGo(shown); } else { onGhost(shown >= total - 1 ? 0 : shown); onPlay(true); } }}>
        <svg width="10" height="10" aria-hidden="true"><path d={playing ? 'M1 0h3v10H1zM6 0h3v10H6z' : 'M1 0l9 5-9 5z'} fill="currentColor" /></svg>
      </Button>
      <div class="ts-scrub-line">
        <svg viewBox={`0 0 ${Math.max(1, total - 1)} 10`} preserveAspectRatio="none" aria-hidden="true">
          <path class="ts-scrub-kept" d={line(kept, 7, 10)} /><path class="ts-scrub-stops" d={line(stops, 0, 10)} />
        </svg>
        <input type="range" min={0} max={Math.max(0, total - 1)} step={1} value={Math.min(shown, total - 1)} disabled={disabled} aria-label={t('Place in the pass')} aria-valuetext={t('node {0} of {1}', Math.min(total, shown + 1), total)}
          style={{ '--at': `${total > 1 ? (Math.min(shown, total - 1) / (total - 1)) * 100 : 0}%` } as Record<string, string>}
          onPointerDown={() => { dragged.current = true; }} onPointerUp={() => { dragged.current = false; if (ghost !== null) rest(ghost, 0); }} onPointerCancel={() => { dragged.current = false; }}
          onInput={e => move(Number((e.currentTarget as HTMLInputElement).value))} />
      </div>
    </div>
  );
}

/** One node a frame, several where the pass is long. */
function usePlay(playing: boolean, from: number, total: number, onGhost: (index: number) => void, onEnd: (index: number) => void): void {
  const now = useRef({ onGhost, onEnd });
  now.current = { onGhost, onEnd };
  const start = useRef(from);
  start.current = from;
  useEffect(() => {
    if (!playing) return undefined;
    const began = performance.now(), first = start.current, rate = Math.max(60, ((total - 1) / WHOLE_MS) * 1000);
    let frame = 0, last = first;
    const tick = () => {
      const at = Math.min(total - 1, first + Math.floor(((performance.now() - began) / 1000) * rate));
      if (at !== last) now.current.onGhost((last = at));
      if (at >= total - 1) now.current.onEnd(at);
      else frame = requestAnimationFrame(tick);
    };
    frame = requestAnimationFrame(tick);
    return () => cancelAnimationFrame(frame);
  }, [playing, total]);
}
