/** What stands at the cursor: where it is, the formula, gradients in and out, what was saved, whose gradients meet. */

import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { Button, show } from '../../chrome';
import { mathOf } from '../../engines/latex';
import type { DebugState, Host } from '../../store/types';
import type { Theme } from '../../theme';
import { TensorCard, type Summary } from './summary';

export interface PanelProps {
  debug: DebugState; host: Host; theme: Theme;
  /** Multiplies the gradient that comes in; null where the recorder cannot. */
  onScale: ((factor: number) => void) | null;
}

export function Panel({ debug, host, theme, onScale }: PanelProps) {
  const { arrived, state } = debug, at = state === 'done' || state === 'aborted' ? null : debug.at;
  return (
    <section class="ts-back-panel ts-scroll" aria-label="At the cursor" tabIndex={0}>
      {at ? <At at={at} index={debug.index} host={host} theme={theme} onScale={onScale} /> : <p class="ts-back-over">{state === 'aborted' ? 'The pass was given up: no .grad was written.' : 'The pass is over.'}</p>}
      <Arrived arrived={arrived} />
    </section>
  );
}

function At({ at, index, host, theme, onScale }: Omit<PanelProps, 'debug'> & { at: NonNullable<DebugState['at']>; index: number }) {
  const [file, line, text, cell] = at.source ?? ['', 0, '', ''];
  return (
    <>
      <header>
        <h2 class="ts-mono ts-clip" title={at.name}>{at.name}</h2>
        <p class="ts-muted ts-clip">{[at.label, at.module && `in ${at.module}`].filter(Boolean).join('  ')}</p>
      </header>
      {at.formula && <Formula tex={at.formula} />}
      <Tensors title="Gradient in" list={at.grad_in} theme={theme} none={index === 0 ? 'The pass starts here.' : 'None.'} />
      {onScale && at.grad_in.length > 0 && (
        <div class="ts-back-scale" role="group" aria-label="Change the gradient that comes in">
          <span class="ts-muted">Multiply by</span>{[0, 0.1, 10].map(factor => <Button key={factor} quiet title={factor === 0 ? 'Nothing flows on from here' : `Go on with ${factor} times this gradient`} onPress={() => onScale(factor)}>{factor}</Button>)}
        </div>
      )}
      {at.shares.length > 1 && <Shares shares={at.shares} />}
      <Tensors title="Saved by the forward op" list={at.saved} theme={theme} none="Nothing was needed." />
      <Tensors title="Gradient out" list={at.grad_out} theme={theme} none={at.name.startsWith('AccumulateGrad') ? 'None: it is added to .grad.' : 'None.'} />
      {at.source && (
        <Section title="Forward line">
          <button type="button" class="ts-side-line" disabled={!host.openSource} title={host.openSource ? 'Open this line' : file} onClick={() => host.openSource?.({ file, line, cell })}>
            <span class="ts-muted">{cell || file.split(/[\\/]/).pop()}:{line}</span><code>{text.trim()}</code>
          </button>
        </Section>
      )}
    </>
  );
}

function Section({ title, children }: { title: string; children: ComponentChildren }) {
  return <><h3>{title}</h3>{children}</>;
}

function Tensors({ title, list, theme, none }: { title: string; list: Summary[]; theme: Theme; none: string }) {
  return <Section title={title}>{list.length ? list.map((t, i) => <TensorCard key={`${t.name} ${i}`} tensor={t} theme={theme} />) : <p class="ts-faint">{none}</p>}</Section>;
}

/** Drawn by the browser; the words it was written in for whoever cannot see it. */
function Formula({ tex }: { tex: string }) {
  const box = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => box.current!.replaceChildren(...mathOf(tex, box.current!.ownerDocument)), [tex]);
  return <div class="ts-formula" ref={box} title={tex} />;
}

/** Bars and numbers: how much of a sum each branch brought. */
function Shares({ shares }: { shares: { from: string; share: number }[] }) {
  return (
    <Section title="Gradients that meet here">
      <ul class="ts-shares">
        {shares.map((s, i) => (
          <li key={i}><span class="ts-clip" title={s.from}>{s.from}</span><i aria-hidden="true"><b style={{ width: `${Math.max(1, Math.min(100, s.share * 100))}%` }} /></i><span class="ts-mono">{Number.isFinite(s.share) ? `${Math.round(s.share * 100)} %` : show(s.share)}</span></li>
        ))}
      </ul>
    </Section>
  );
}

function Arrived({ arrived }: { arrived: DebugState['arrived'] }) {
  const most = arrived.reduce((m, a) => (Number.isFinite(a.norm) ? Math.max(m, a.norm) : m), 0);
  return (
    <Section title={`Arrived in .grad${arrived.length ? ` ${arrived.length}` : ''}`}>
      {arrived.length === 0 ? <p class="ts-faint">No parameter has its gradient yet.</p> : (
        <ul class="ts-shares">
          {[...arrived].reverse().slice(0, 40).map(a => (
            <li key={a.parameter}><span class="ts-clip ts-mono" title={a.parameter}>{a.parameter}</span><i aria-hidden="true"><b style={{ width: `${most > 0 && Number.isFinite(a.norm) ? Math.max(1, (a.norm / most) * 100) : 0}%` }} /></i>
              <span class="ts-mono" data-bad={!Number.isFinite(a.norm) || undefined}>{Number.isFinite(a.norm) ? show(a.norm, 3) : `✕ ${show(a.norm)}`}</span></li>
          ))}
          {arrived.length > 40 && <li class="ts-faint">and {arrived.length - 40} before</li>}
        </ul>
      )}
    </Section>
  );
}
