/** Breakpoints of the process that records, by the palette: what is asked of the reader, and the fields that the process is told. */

import { type QuickPickItem, window } from 'vscode';
import type { Source } from './source';
import { say } from './words';

export interface Breakpoint { id: number; words: string; hits: number; enabled: boolean }
type Fields = Record<string, unknown>;
type Choice = QuickPickItem & { fields(): Fields | Promise<Fields | undefined> };

/** Where a pass is to stop; undefined when the reader thinks better of it. */
export async function askWhere(here: Source | null): Promise<Fields | undefined> {
  const named = (label: string, field: string, like: string): Choice => ({
    label, description: like, async fields() { const name = await ask(label, like, text => (text ? '' : say('A name, or a pattern with *.'))); return name === undefined ? undefined : { [field]: name }; },
  });
  const choices: Choice[] = [
    ...(here ? [{ label: say('The line of the cursor'), description: `${here.cell || here.file.split(/[\\/]/).at(-1)}:${here.line}`, fields: () => ({ line: [here.cell || here.file, here.line] }) }] : []),
    { label: say('Any nan or inf'), fields: () => ({ when: 'nonfinite' }) },
    { label: say('Any exception'), fields: () => ({ exception: true }) },
    named(say('An op'), 'op', 'log, *Backward0'), named(say('A module'), 'module', 'encoder.0'), named(say('A parameter'), 'parameter', '*.weight'),
    {
      label: say('A gradient whose norm is above a number'), async fields() {
        const number = await ask(this.label, '1e3', text => (text && Number(text) >= 0 && Number.isFinite(Number(text)) ? '' : say('A number, 0 or more.')));
        return number === undefined ? undefined : { norm_above: Number(number) };
      },
    },
  ];
  const chosen = await window.showQuickPick(choices, { placeHolder: say('Where the backward pass stops') });
  return chosen?.fields();
}

async function ask(prompt: string, placeHolder: string, wrong: (text: string) => string): Promise<string | undefined> {
  return (await window.showInputBox({ prompt, placeHolder, validateInput: text => wrong(text.trim()) || undefined }))?.trim();
}

/** Which of those that there are go away. */
export async function askWhich(known: readonly Breakpoint[]): Promise<number[]> {
  const items = known.map(b => ({ label: b.words, description: [say('hit {0}×', String(b.hits)), !b.enabled && say('off')].filter(Boolean).join(', '), id: b.id }));
  const chosen = await window.showQuickPick(items, { canPickMany: true, placeHolder: say('Those that are chosen are removed') });
  return (chosen ?? []).map(item => item.id);
}
