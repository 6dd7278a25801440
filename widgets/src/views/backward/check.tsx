/** Is this derivative right? Analytic against central differences, in float64, for the node at the cursor or all of its module. */

import { useState } from 'preact/hooks';
import { Button, say, show, t } from '../../chrome';
import type { Attachment, Check, DebugState, ModuleCheck } from '../../store/types';
import { useAsk } from './ask';

export function Checks({ at, stop, onShow }: { at: Attachment; stop: NonNullable<DebugState['at']>; onShow(node: number): void }) {
  const { ask, busy, problem } = useAsk(at), [of, setOf] = useState<ModuleCheck | null>(null);
  if (stop.name.startsWith('AccumulateGrad')) return null;
  const { check } = stop;
  return (
    <div class="ts-check">
      <div class="ts-row">
        <Button disabled={busy} title={t('Compares the derivative with central differences, in float64')} onPress={() => void ask('debug.check')}>{t('Check this derivative')}</Button>
        {stop.module && <Button quiet disabled={busy} title={t('Every node of {0}', stop.module)} onPress={() => void ask('debug.check', { module: stop.module }).then(found => found && setOf(found))}>{t('and its module')}</Button>}
      </div>
      {problem && <p class="ts-breaks-problem" role="alert">{problem}</p>}
      {check && <Result check={check} />}
      {of && (
        <div class="ts-checked" data-ok={of.ok} role="status">
          <p><b>{of.ok ? '✓' : '✕'} {of.module}</b> {t('{0} of {1} derivatives are right.', of.nodes.filter(n => n.ok).length, of.nodes.length)}</p>
          {of.nodes.filter(n => !n.ok).map((n, i) => <p key={i}><button type="button" class="ts-leaf-name ts-mono" onClick={() => n.node !== undefined && onShow(n.node)}>{n.name}</button> {n.inputs?.filter(input => !input.ok).map(input => say(input.said ?? input.words)).join('; ')}</p>)}
          {of.skipped.map(([name, why, said], i) => <p key={i} class="ts-muted">{t('{0} was not checked: {1}', name, say(said ?? why))}</p>)}
        </div>
      )}
    </div>
  );
}

function Result({ check }: { check: Check }) {
  return (
    <div class="ts-checked" data-ok={check.ok} role="status">
      <p><b>{check.ok ? `✓ ${t('The derivative is right')}` : `✕ ${t('The derivative is wrong')}`}</b>{check.values && check.values !== 'its own' ? <span class="ts-muted"> {t('at values that were drawn')}</span> : ''}</p>
      {check.inputs?.map(input => (
        <p key={input.name} data-ok={input.ok}><span class="ts-mono">{input.ok ? '✓' : '✕'} {input.name}</span> <span class="ts-muted">{t('error {0}', show(input.error, 2))}</span>
          {!input.ok && input.where && <span class="ts-mono"> [{input.where.join(', ')}]: {t('analytic {0}, numeric {1}', show(input.analytic, 5), show(input.numeric, 5))}</span>}
          {input.kink && <span class="ts-muted"> {t('(near a kink)')}</span>}</p>))}
    </div>
  );
}
