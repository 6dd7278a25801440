/** Probes that views on this page asked for: two views may look at one layer, and the last to leave clears it. */

import type { Link } from '../../store/types';

const KEY = 'probes.1';

/**
 * Asks the kernel to copy `key` at its next occurrence and from then on. The promise fails with the kernel's reason;
 * `release` takes the wish back.
 */
export function probe(link: Link, shared: Map<string, unknown>, key: string): { set: Promise<void>; release(): void } {
  const held = (shared.get(KEY) ?? new Map()) as Map<string, number>;
  shared.set(KEY, held);
  const id = `${link.kernel} ${key}`;
  held.set(id, (held.get(id) ?? 0) + 1);
  let free = false;
  return {
    set: link.command('probe.set', { key }).then(() => undefined),
    release() {
      if (free) return;
      free = true;
      const left = (held.get(id) ?? 1) - 1;
      if (left > 0) held.set(id, left);
      else {
        held.delete(id);
        link.command('probe.clear', { key }).catch(() => undefined);   // a kernel that has gone has no probe either
      }
    },
  };
}
