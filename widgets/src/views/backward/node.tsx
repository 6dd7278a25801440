/** What stands at the cursor: where it is, the formula, gradients in and out with their numbers, what was saved, whose gradients meet. */

import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { say, show, t } from '../../chrome';
import { mathOf } from '../../engines/latex';
import type { GraphModel } from '../../engines/graphmodel';
import type { DebugState, Host, Share } from '../../store/types';
import type { Theme } from '../../theme';
import type { Chosen } from '../graph/side';
import { TensorCard, sampleShape, valueAt, type Element, type Summary } from './summary';

export interface NodeTabProps {
  at: NonNullable<DebugState['at']>; index: number; forward: boolean; model: GraphModel | null; host: Host; theme: Theme;
  onChoose(target: Chosen): void;
  /** What can be done with the node: shown under its formula. */
  children?: ComponentChildren;
}

export function NodeTab({ at, index, forward, model, host, theme, onChoose, children }: NodeTabProps) {
  const [file, line, text, cell] = at.source ?? ['', 0, '', ''];
  const [element, setElement] = useState<Element | null>(null);
  const all = [...at.grad_in, ...at.saved, ...at.grad_out] as Summary[], key = element && all.some(one => sampleShape(one).join() === element.key) ? element : null;
  const cards = (list: Summary[]) => list.map((one, i) => <TensorCard key={`${one.name} ${i}`} tensor={one} theme={theme} element={key} onElement={setElement} />);
  const tensors = (title: string, list: Summary[], none: string) => <Section title={title}>{list.length ? cards(list) : <p class="ts-faint">{none}</p>}</Section>;
  return (
    <>
      <header>
        <h2 class="ts-mono ts-clip" title={at.name}>{at.name}{at.label && at.label !== at.name && <span class="ts-muted">  {at.label}</span>}</h2>
        <Stack path={at.module} model={model} onChoose={onChoose} />
      </header>
      {at.time && (at.time.forward !== null || at.time.backward !== null) && <Times time={at.time} />}
      {at.formula && <Formula tex={at.formula} />}
      {at.rule && <p class="ts-rule ts-muted">{say(at.said?.rule ?? at.rule)}</p>}
      {key && <Numbers at={at} element={key} forward={forward} onClose={() => setElement(null)} />}
      {children}
      {tensors(forward ? t('Input') : t('Gradient in'), at.grad_in, index === 0 ? t('The pass starts here.') : t('None.'))}
      {at.shares.length > 1 && <Shares shares={at.shares} />}
      {!forward && tensors(t('Saved by the forward op'), at.saved, t('Nothing was needed.'))}
      {tensors(forward ? t('Output') : t('Gradient out'), at.grad_out, forward ? t('It has not run yet.') : at.name.startsWith('AccumulateGrad') ? t('None: it is added to .grad.') : t('None.'))}
      {at.hooks && at.hooks.length > 0 && <Section title={t('Hooks that run here')}><ul class="ts-hooks">{at.hooks.map((h, i) => <li key={i} class="ts-mono ts-clip" title={h}>{h}</li>)}</ul></Section>}
      {at.reaches && at.reaches.length > 0 && <Section title={t('Parameters that it comes to from here: {0}', at.reaches.length)}><p class="ts-mono ts-reaches">{at.reaches.slice(0, 12).join(', ')}{at.reaches.length > 12 ? ' …' : ''}</p></Section>}
      {at.source && (
        <Section title={t('Forward line')}>
          <button type="button" class="ts-side-line" disabled={!host.openSource} title={host.openSource ? t('Open this line') : file} onClick={() => host.openSource?.({ file, line, cell })}>
            <span class="ts-muted">{cell || file.split(/[\\/]/).pop()}:{line}</span><code>{text.trim()}</code>
          </button>
        </Section>
      )}
    </>
  );
}

/** What the op and its derivative took. */
function Times({ time: { forward, backward } }: { time: { forward: number | null; backward: number | null } }) {
  return <p class="ts-muted">{[forward !== null && t('op {0} µs', show(forward, 3)), backward !== null && t('derivative {0} µs', show(backward, 3))].filter(Boolean).join(', ')}</p>;
}

export function Section({ title, children }: { title: string; children: ComponentChildren }) {
  return <><h3>{title}</h3>{children}</>;
}

/** The module calls around the node, outermost first; each can be selected. */
function Stack({ path, model, onChoose }: { path: string; model: GraphModel | null; onChoose(target: Chosen): void }) {
  if (!path) return <p class="ts-muted">{t('at the top level')}</p>;
  const parts = path.split('.'), paths = parts.map((_, i) => parts.slice(0, i + 1).join('.'));
  const rows = new Map<string, number>();
  if (model) for (let m = model.modules - 1; m >= 0; m--) rows.set(model.text(model.graph.modules.path[m]!), m);
  return (
    <nav class="ts-stack" aria-label={t('Module call stack')}>
      <ol>
        {paths.map((p, i) => {
          const row = rows.get(p), cls = row !== undefined ? model!.text(model!.graph.modules.cls[row]!) : '';
          return <li key={p}>{row !== undefined ? <button type="button" title={t('Select {0} ({1})', p, cls)} onClick={() => onChoose({ kind: 'module', row })}>{parts[i]}</button> : <span>{parts[i]}</span>}</li>;
        })}
      </ol>
    </nav>
  );
}

/** Drawn by the browser; the words it was written in for whoever cannot see it. */
export function Formula({ tex }: { tex: string }) {
  const box = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => box.current!.replaceChildren(...mathOf(tex, box.current!.ownerDocument)), [tex]);
  return <div class="ts-formula" ref={box} title={tex} tabIndex={0} role="group" aria-label={t('Derivative')} />;
}

/** One element followed through the derivative: every tensor of its shape, and scalars. */
function Numbers({ at, element, forward, onClose }: { at: NonNullable<DebugState['at']>; element: Element; forward: boolean; onClose(): void }) {
  const row = (list: Summary[]) => list.flatMap(one => { const v = sampleShape(one).join() === element.key ? valueAt(one, element.at) : one.values?.length === 1 ? one.values[0]! : null; return v === null ? [] : [{ name: one.to ? `→ ${one.to}` : one.name.replace(/^grad_(in|out)/, ''), v }]; });
  const groups: [string, { name: string; v: number }[]][] = [[forward ? t('in') : t('gradient in'), row(at.grad_in)], [t('saved'), row(at.saved)], [forward ? t('out') : t('gradient out'), row(at.grad_out)]];
  return (
    <div class="ts-element" role="status" aria-label={t('At element {0}', element.at.join(', '))}>
      <div class="ts-row"><b class="ts-mono">[{element.at.join(', ')}]</b><span class="ts-grow" /><button type="button" class="ts-button" data-quiet data-icon aria-label={t('Forget this element')} onClick={onClose}>✕</button></div>
      <dl>{groups.flatMap(([title, list]) => list.map(({ name, v }) => <div key={title + name}><dt>{title === name ? name : <>{title} <span class="ts-mono">{name}</span></>}</dt><dd class="ts-mono" data-bad={!Number.isFinite(v) || undefined}>{show(v, 6)}</dd></div>))}</dl>
    </div>
  );
}

/** How much of a sum each branch brought, and whether it pulls the way of the sum. */
function Shares({ shares }: { shares: readonly Share[] }) {
  const against = shares.some(s => (s.cosine ?? 1) < 0);
  return (
    <Section title={t('Gradients that meet here')}>
      <ul class="ts-branches">
        {shares.map((s, i) => (
          <li key={i}>
            <span class="ts-branch-name"><span class="ts-mono ts-clip" title={s.from}>{s.from}</span>{s.module && <span class="ts-muted ts-clip">{s.module}</span>}</span>
            <span class="ts-mono">{Number.isFinite(s.share) ? `${Math.round(s.share * 100)} %` : show(s.share)}</span>
            <i aria-hidden="true" data-against={(s.cosine ?? 1) < 0 || undefined}><b style={{ width: `${Math.max(1, Math.min(100, s.share * 100))}%` }} /></i>
            {s.norm !== undefined && <span class="ts-branch-facts ts-mono">{t('norm')} {show(s.norm, 3)}  cos {show(s.cosine, 2)}{(s.cosine ?? 1) < 0 ? ` ↯ ${t('against the sum')}` : ''}</span>}
          </li>
        ))}
      </ul>
      {against && <p class="ts-muted">{t('A branch with a negative cosine cancels part of the others.')}</p>}
    </Section>
  );
}
