/** The pass as a whole: what has arrived in `.grad`, what is still to be reached, and what it costs to be able to go back. */

import type { ComponentChildren } from 'preact';
import { bytes, show } from '../../chrome';
import type { Breakpoint, DebugState } from '../../store/types';
import type { Chosen } from '../graph/side';

export interface Leaf { name: string; source: number; stops: readonly Breakpoint[] }

export interface PassTabProps {
  debug: DebugState; waiting: readonly Leaf[]; leafOf(name: string): Leaf | null;
  onChoose(target: Chosen): void; onBreak(target: Chosen): void; onRunTo(parameter: string): void;
}

const MOST = 60;

export function PassTab({ debug, waiting, leafOf, onChoose, onBreak, onRunTo }: PassTabProps) {
  const { arrived } = debug, most = arrived.reduce((m, a) => (Number.isFinite(a.norm) ? Math.max(m, a.norm) : m), 0);
  return (
    <>
      <h3>Arrived {arrived.length}{debug.state === 'done' ? ', written to .grad' : ', not in .grad yet'}</h3>
      {arrived.length === 0 ? <p class="ts-faint">No parameter has its gradient yet.</p> : (
        <ul class="ts-leaves">
          {[...arrived].reverse().slice(0, MOST).map(a => (
            <Row key={a.parameter} leaf={leafOf(a.parameter)} name={a.parameter} onChoose={onChoose} onBreak={onBreak}>
              <i aria-hidden="true"><b style={{ width: `${most > 0 && Number.isFinite(a.norm) ? Math.max(1, (a.norm / most) * 100) : 0}%` }} /></i>
              <span class="ts-mono" data-bad={!Number.isFinite(a.norm) || undefined}>{Number.isFinite(a.norm) ? show(a.norm, 3) : `✕ ${show(a.norm)}`}</span>
            </Row>
          ))}
          {arrived.length > MOST && <li class="ts-faint">and {arrived.length - MOST} before</li>}
        </ul>
      )}
      {debug.state === 'held' && waiting.length > 0 && (
        <>
          <h3>Still to be reached {waiting.length}</h3>
          <ul class="ts-leaves">
            {waiting.slice(0, MOST).map(leaf => <Row key={leaf.source} leaf={leaf} name={leaf.name} onChoose={onChoose} onBreak={onBreak}><i aria-hidden="true" data-wait /><button type="button" class="ts-leaf-run" aria-label={`Run to ${leaf.name}`} title="Run until its gradient is complete" onClick={() => onRunTo(leaf.name)}>run to</button></Row>)}
            {waiting.length > MOST && <li class="ts-faint">and {waiting.length - MOST} more</li>}
          </ul>
        </>
      )}
      <h3>To go back</h3>
      <p class="ts-muted">{debug.nbytes ? `${bytes(debug.nbytes)} of gradients are kept` : 'Nothing is kept'}{debug.kept ? ` at ${debug.kept.length} place${debug.kept.length === 1 ? '' : 's'}` : ''}.{debug.edited ? ` ${debug.edited} gradient${debug.edited === 1 ? '' : 's'} edited.` : ''}</p>
    </>
  );
}

function Row({ leaf, name, children, onChoose, onBreak }: { leaf: Leaf | null; name: string; children: ComponentChildren; onChoose(target: Chosen): void; onBreak(target: Chosen): void }) {
  const target: Chosen | null = leaf && { kind: 'source', row: leaf.source }, on = Boolean(leaf?.stops.some(b => b.enabled));
  return (
    <li>
      {target ? <button type="button" class="ts-leaf-dot" aria-pressed={on} aria-label={`Break at ${name}`} title={on ? 'Remove the breakpoint' : 'Break when its gradient is complete'} onClick={() => onBreak(target)}><i class="ts-break-dot" data-is={on ? 'on' : 'off'} /></button> : <span />}
      {target ? <button type="button" class="ts-leaf-name ts-clip ts-mono" title={`Select ${name}`} onClick={() => onChoose(target)}>{name}</button> : <span class="ts-clip ts-mono" title={name}>{name}</span>}
      {children}
    </li>
  );
}
