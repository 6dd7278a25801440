/** Two panes and a sash between them: drag it, or focus it and use the arrow keys; double click puts it back. */

import type { ComponentChildren } from 'preact';
import { useRef, useState } from 'preact/hooks';
import { t } from './words';

export function Split({ along = 'row', initial = 0.5, min = 0.08, label, first, second, onChange }: {
  along?: 'row' | 'column'; initial?: number; min?: number; label: string; first: ComponentChildren; second: ComponentChildren; onChange?(share: number): void;
}) {
  const box = useRef<HTMLDivElement>(null);
  const [share, setShare] = useState(initial);
  const [held, setHeld] = useState(false);
  const row = along === 'row';
  const put = (value: number) => {
    const next = Math.min(1 - min, Math.max(min, value));
    setShare(next);
    onChange?.(next);
  };
  const onMove = (e: PointerEvent) => {
    if (!held) return;
    const { left, top, width, height } = box.current!.getBoundingClientRect();
    put(row ? (e.clientX - left) / width : (e.clientY - top) / height);
  };
  const onKey = (e: KeyboardEvent) => {
    const step = { ArrowLeft: row ? -1 : 0, ArrowRight: row ? 1 : 0, ArrowUp: row ? 0 : -1, ArrowDown: row ? 0 : 1 }[e.key];
    if (!step) return;
    e.preventDefault();
    e.stopPropagation();
    put(share + step * 0.02);
  };
  return (
    <div class="ts-split" data-along={along} ref={box}>
      <div class="ts-pane" style={{ flex: `${share} 1 0` }}>{first}</div>
      <div class="ts-sash" role="separator" tabIndex={0} aria-label={t(label)} aria-orientation={row ? 'vertical' : 'horizontal'} aria-valuenow={Math.round(share * 100)} data-held={held || undefined}
        onPointerDown={e => { e.preventDefault(); (e.currentTarget as HTMLElement).setPointerCapture(e.pointerId); setHeld(true); }}
        onPointerMove={onMove} onPointerUp={() => setHeld(false)} onPointerCancel={() => setHeld(false)} onKeyDown={onKey} onDblClick={() => put(initial)} />
      <div class="ts-pane" style={{ flex: `${1 - share} 1 0` }}>{second}</div>
    </div>
  );
}
