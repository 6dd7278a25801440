/** The pass as a whole: what has arrived in `.grad`, what is still to be reached, and what it costs to be able to go back. */

import type { ComponentChildren } from 'preact';
import { bytes, show, t } from '../../chrome';
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
      <h3>{debug.state === 'done' ? t('Arrived {0}, written to .grad', arrived.length) : t('Arrived {0}, not in .grad yet', arrived.length)}</h3>
      {arrived.length === 0 ? <p class="ts-faint">{t('No parameter has its gradient yet.')}</p> : (
        <ul class="ts-leaves">
          {[...arrived].reverse().slice(0, MOST).map(a => (
            <Row key={a.parameter} leaf={leafOf(a.parameter)} name={a.parameter} onChoose={onChoose} onBreak={onBreak}>
              <i aria-hidden="true"><b style={{ width: `${most > 0 && Number.isFinite(a.norm) ? Math.max(1, (a.norm / most) * 100) : 0}%` }} /></i>
              <span class="ts-mono" data-bad={!Number.isFinite(a.norm) || undefined}>{Number.isFinite(a.norm) ? show(a.norm, 3) : `✕ ${show(a.norm)}`}</span>
            </Row>
          ))}
          {arrived.length > MOST && <li class="ts-faint">{t('and {0} before', arrived.length - MOST)}</li>}
        </ul>
      )}
      {debug.state === 'held' && waiting.length > 0 && (
        <>
          <h3>{t('Still to be reached {0}', waiting.length)}</h3>
          <ul class="ts-leaves">
            {waiting.slice(0, MOST).map(leaf => <Row key={leaf.source} leaf={leaf} name={leaf.name} onChoose={onChoose} onBreak={onBreak}><i aria-hidden="true" data-wait /><button type="button" class="ts-leaf-run" aria-label={t('Run to {0}', leaf.name)} title={t('Run until its gradient is complete')} onClick={() => onRunTo(leaf.name)}>{t('run to')}</button></Row>)}
            {waiting.length > MOST && <li class="ts-faint">{t('and {0} more', waiting.length - MOST)}</li>}
          </ul>
        </>
      )}
      <h3>{t('To go back')}</h3>
      <p class="ts-muted">{debug.nbytes ? t('{0} of gradients are kept, at {1} places.', bytes(debug.nbytes), debug.kept?.length ?? 0) : t('Nothing is kept.')}{debug.edited ? ` ${t('Gradients edited: {0}.', debug.edited)}` : ''}</p>
    </>
  );
}

function Row({ leaf, name, children, onChoose, onBreak }: { leaf: Leaf | null; name: string; children: ComponentChildren; onChoose(target: Chosen): void; onBreak(target: Chosen): void }) {
  const target: Chosen | null = leaf && { kind: 'source', row: leaf.source }, on = Boolean(leaf?.stops.some(b => b.enabled));
  return (
    <li>
      {target ? <button type="button" class="ts-leaf-dot" aria-pressed={on} aria-label={t('Break at {0}', name)} title={on ? t('Remove the breakpoint') : t('Break when its gradient is complete')} onClick={() => onBreak(target)}><i class="ts-break-dot" data-is={on ? 'on' : 'off'} /></button> : <span />}
      {target ? <button type="button" class="ts-leaf-name ts-clip ts-mono" title={t('Select {0}', name)} onClick={() => onChoose(target)}>{name}</button> : <span class="ts-clip ts-mono" title={name}>{name}</span>}
      {children}
    </li>
  );
}
