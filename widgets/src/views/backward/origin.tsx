/** Where a NaN, an infinity or a blow-up was made: the first op that is at fault, what it was given, why, and the way from the loss to it. */

import { Button, say, show, t } from '../../chrome';
import type { Attachment, DebugState, Host, Origin } from '../../store/types';
import { useAsk } from './ask';
import { Formula } from './node';

export function OriginTab({ at, debug, host, onShow }: { at: Attachment; debug: DebugState; host: Host; onShow(node: number): void }) {
  const { ask, busy, problem } = useAsk(at), { origin } = debug;
  return (
    <>
      <div class="ts-row ts-wrap"><Button primary={!origin} disabled={busy} title="Looks at the values of the forward pass" onPress={() => void ask('debug.origin', { direction: 'forward' })}>{t('In the forward pass')}</Button>
        <Button disabled={busy} title="Looks at the gradients of the pass" onPress={() => void ask('debug.origin', { direction: 'backward' })}>{t('In the gradients')}</Button></div>
      {problem && <p class="ts-breaks-problem" role="alert">{problem}</p>}
      {origin ? <Found origin={origin} host={host} onShow={onShow} onGo={index => void ask('debug.go', { index })} /> : <p class="ts-muted ts-gap">{t('Finds the first op that made a nan, an inf or a blow-up, not the last one that passed it on.')}</p>}
    </>
  );
}

const KINDS = { nan: 'nan', inf: 'inf', 'blow-up': 'blow-up' };

function Found({ origin: o, host, onShow, onGo }: { origin: Origin; host: Host; onShow(node: number): void; onGo(index: number): void }) {
  if (!o.found) return <p class="ts-gap" role="status">✓ {say(o.said?.words ?? o.words)}</p>;
  const [file, line, text, cell] = o.source ?? ['', 0, '', ''];
  return (
    <section class="ts-origin" aria-label={t('Origin')}>
      <h2 class="ts-mono"><span class="ts-tcard-bad">✕ {KINDS[o.kind ?? 'nan']}</span> {o.name}</h2>
      <p class="ts-muted">{[o.module && t('in {0}', o.module), o.direction === 'forward' ? t('forward pass') : t('backward pass'), o.size > 0 && t('{0} of {1} elements', o.count, o.size), o.where.length > 0 && t('first at [{0}]', o.where[0]!.join(', '))].filter(Boolean).join(', ')}</p>
      <div class="ts-row"><Button onPress={() => onShow(o.node)} disabled={o.node < 0}>{t('Show it')}</Button>{o.index >= 0 && <Button quiet onPress={() => onGo(o.index)} title="Stands before it">{t('Go there')}</Button>}</div>
      {o.why && <p class="ts-origin-why">{say(o.said?.why ?? o.why)}</p>}
      {o.fix && <p><b>{t('What helps:')}</b> {say(o.said?.fix ?? o.fix)}</p>}
      {o.formula && <Formula tex={o.formula} />}
      {o.operands.length > 0 && (
        <><h3>{t('Its operands there')}</h3>
          <ul class="ts-operands">{o.operands.map((p, i) => <li key={i}><b class="ts-mono">{p.name}</b><span class="ts-mono ts-muted">{p.values.length ? p.values.map(v => show(v, 4)).join('  ') : p.words}</span></li>)}</ul></>
      )}
      {o.before && <p class="ts-muted">{t('Its range first jumped before that: {0}', say(o.said?.before ?? o.before.words))}</p>}
      {o.source && (
        <><h3>{t('Line')}</h3><button type="button" class="ts-side-line" disabled={!host.openSource} title={host.openSource ? t('Open this line') : file} onClick={() => host.openSource?.({ file, line, cell })}><span class="ts-muted">{cell || file.split(/[\\/]/).pop()}:{line}</span><code>{text.trim()}</code></button></>
      )}
      {o.path.length > 1 && (
        <><h3>{t('From the loss to it {0}', o.path.length)}</h3>
          <ol class="ts-path">{shortened(o.path).map((p, i) => (p === null ? <li key={i} class="ts-faint">…</li> : <li key={i}><button type="button" class="ts-leaf-name ts-mono" disabled={p.node < 0} onClick={() => onShow(p.node)}>{p.name}</button><span class="ts-muted ts-clip">{p.module}</span></li>))}</ol></>
      )}
      <span class="ts-hidden" role="status" aria-live="polite">{`${t('{0} made by {1}', KINDS[o.kind ?? 'nan'], o.name)}. ${say(o.said?.why ?? o.why)}`}</span>
    </section>
  );
}

const shortened = <T,>(path: readonly T[]): (T | null)[] => (path.length <= 24 ? [...path] : [...path.slice(0, 10), null, ...path.slice(-12)]);
