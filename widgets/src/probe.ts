/** Probes of a page: a key that three views look at is copied by the kernel once, and no longer than somebody looks. */

import { hubOf } from './hub';
import type { Attachment } from './store/types';

const PROBE = ['probe.set', 'probe.clear'] as const;

/**
 * Asks the kernel for the values of `key` from its next occurrence on; returns the release. `fail` hears why it cannot. With other `verbs` for
 * what else goes on as long as somebody looks.
 */
export function probe(at: Attachment, key: string, fail: (reason: string) => void = () => {}, [begin, end]: readonly [string, string] = PROBE): () => void {
  const { shared } = hubOf();
  const counts = (shared.get('probes') ?? shared.set('probes', new Map<string, number>()).get('probes')) as Map<string, number>;
  const name = `${at.link.kernel} ${begin} ${key}`;
  counts.set(name, (counts.get(name) ?? 0) + 1);
  // Every holder asks: a new recording or a returned kernel has forgotten, and asking twice changes nothing.
  let held = true;
  at.command(begin, { key }).catch((error: Error) => { if (held) fail(error.message); });
  return () => {
    if (!held) return;
    held = false;
    const left = (counts.get(name) ?? 1) - 1;
    if (left > 0) { counts.set(name, left); return; }
    counts.delete(name);
    if (at.link.state === 'live') at.command(end, { key }).catch(() => {});
  };
}
