/** The side of the stage: the node at the cursor, the pass, what to change, breakpoints. Tabs, so that each fits. */

import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { Tabs } from '../../chrome';

export interface PanelTab { id: string; label: string; body(): ComponentChildren }

let panels = 0;

/** `wish`: a tab to turn to when it changes. */
export function Panel({ tabs, wish = null, shown, onShow }: { tabs: readonly PanelTab[]; wish?: string | null; shown: string; onShow(id: string): void }) {
  const [name] = useState(() => `ts-back-panel-${++panels}`);
  useEffect(() => { if (wish) onShow(wish); }, [wish]);
  const current = tabs.find(t => t.id === shown) ?? tabs[0]!;
  return (
    <div class="ts-back-side">
      {tabs.length > 1 && <div class="ts-back-tabs"><Tabs label="What is shown" value={current.id} options={tabs.map(t => ({ value: t.id, label: t.label }))} onChange={onShow} panel={name} /></div>}
      <section id={name} class="ts-back-panel ts-scroll" role={tabs.length > 1 ? 'tabpanel' : undefined} aria-label={current.id === 'node' ? 'At the cursor' : current.label} tabIndex={0}>{current.body()}</section>
    </div>
  );
}
