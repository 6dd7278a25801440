/** The line that is always there: where the program is, whether it lives, what watching it costs, and what was lost. */

import { show, t } from '../../chrome';
import type { Link, RunStore, Status } from '../../store/types';

export type Life = 'live' | 'paused' | 'replay' | 'stopped' | 'ready' | 'connecting' | 'dead';

export function lifeOf(link: Pick<Link, 'state'>, store: RunStore | null): Life {
  if (link.state === 'dead' || link.state === 'connecting' || link.state === 'replay') return link.state;
  if (!store) return 'ready';
  if (store.debug?.state === 'held') return 'paused';
  if (store.status?.state !== 'recording') return 'stopped';
  return store.status.notes?.some(note => WAITS.test(note)) ? 'paused' : 'live';
}

/** What a loop says that waits between two steps. */
const WAITS = /^paused after step (\d+)$/;
const noteOf = (note: string) => { const step = WAITS.exec(note)?.[1]; return step ? t('paused after step {0}', step) : note; };

const WORDS: Record<Life, string> = { live: 'live', paused: 'paused', replay: 'replay', stopped: 'stopped', ready: 'ready', connecting: 'connecting', dead: 'no connection' };

export function StatusLine({ link, store, step }: { link: Link; store: RunStore | null; step: number | null }) {
  const life = lifeOf(link, store), status = store?.status, debug = store?.debug;
  return (
    <div class="ts-status" role="status">
      <span class="ts-row" style={{ gap: '6px' }}>
        <span class="ts-dot" data-on={life === 'live' || undefined} data-tone={life === 'dead' ? 'trouble' : life === 'paused' ? 'backward' : undefined} />
        <b>{t(WORDS[life])}</b>{store?.name && <span>{store.name}</span>}
      </span>
      {status && <span>{t('step')} <b>{step ?? status.step}</b>{step !== null && <> {t('of {0}', status.step)}</>}</span>}
      {life === 'live' && status!.step_rate > 0 && <span>{t('{0} steps/s', show(status!.step_rate, 2))}</span>}
      {debug && debug.state === 'held' && <span>node <b>{debug.index + 1}</b> of {debug.total}</span>}
      {(!debug || debug.state !== 'held') && store?.graph && <span>{t('{0} nodes', store.graph.nodes.count)}</span>}
      {status && <span title={t('Time spent on recording, as a share of the step')}>{t('overhead')} <b>{show(status.overhead * 100, 2)}%</b></span>}
      {status && <span title={lostOf(status)}>{t('dropped')} {status.dropped > 0 ? <b style={{ color: 'var(--ts-trouble)' }}>✕ {status.dropped}</b> : <b>0</b>}</span>}
      {status?.level && <span class="ts-faint">{status.level}</span>}
      {status?.notes?.length ? <span class="ts-clip" title={status.notes.join('\n')}>{noteOf(status.notes.at(-1)!)}</span> : null}
      {link.reason && <span class="ts-clip" title={link.reason} style={life === 'live' ? { color: 'var(--ts-trouble)' } : undefined}>{link.reason}</span>}
    </div>
  );
}

function lostOf(status: Status): string {
  const lost = Object.entries(status.lost ?? {});
  return lost.length ? `Did not fit into memory: ${lost.map(([kind, n]) => `${n} ${kind}`).join(', ')}` : 'Events that did not fit into memory';
}
