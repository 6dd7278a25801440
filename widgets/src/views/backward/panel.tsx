/** The side of the stage: the node at the cursor, the pass, what to change, breakpoints. Tabs, so that each fits. */

import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { Tabs, t } from '../../chrome';

export interface PanelTab { id: string; label: string; body(): ComponentChildren }

let panels = 0;

/** `wish`: a tab to turn to when it changes. */
export function Panel({ tabs, wish = null, shown, onShow }: { tabs: readonly PanelTab[]; wish?: string | null; shown: string; onShow(id: string): void }) {
  const [name] = useState(() => `ts-back-panel-${++panels}`);
  useEffect(() => { if (wish) onShow(wish); }, [wish]);
  const current = tabs.find(one => one.id === shown) ?? tabs[0]!, label = current.id === 'node' ? t('At the cursor') : current.label;
  return (
    <div class="ts-back-side">
      {tabs.length > 1 && <div class="ts-back-tabs"><Tabs label="What is shown" value={current.id} options={tabs.map(one => ({ value: one.id, label: one.label }))} onChange={onShow} panel={name} /></div>}
      <section id={name} class="ts-back-panel ts-scroll" role={tabs.length > 1 ? 'tabpanel' : undefined} aria-label={label} tabIndex={0}>{current.id !== 'node' && <h2 class="ts-hidden">{label}</h2>}{current.body()}</section>
    </div>
  );
}
