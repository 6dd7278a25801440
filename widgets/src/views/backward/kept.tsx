/** What arrived at a node of a recorded pass, where `record(values="full")` has copied it. */

import { t } from '../../chrome';
import type { Attachment, RunStore } from '../../store/types';
import type { Theme } from '../../theme';
import { summaryOf, useCopies } from './copies';
import { TensorCard } from './summary';

export function Kept({ at, store, node, step, theme, playing }: { at: Attachment; store: RunStore; node: number; step: number; theme: Theme; playing: boolean }) {
  const key = `gradient/${node}`;
  const answered = useCopies(at, store, [key], step, playing), found = summaryOf(store, key, step, t('gradient in'), '', '');
  if (found.values) return <TensorCard tensor={found} theme={theme} />;
  return answered ? <p class="ts-muted">{t('Values were not copied at this step. This copies them all:')} <code>ts.record(values="full")</code></p> : null;
}
