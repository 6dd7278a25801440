/** The list of breakpoints: what each waits for, how often it was met, and the means to change it. */

import { useEffect, useState } from 'preact/hooks';
import { Button, problemOf, t } from '../chrome';
import type { Attachment, Breakpoint } from '../store/types';
import { Editor } from './editor';
import { conditional } from './places';
import { wordsOf } from './words';

export interface BreaksProps {
  at: Attachment; breakpoints: readonly Breakpoint[];
  /** Ids of those that hold the pass now. */
  hits?: readonly number[];
  /** Brings the place of a breakpoint into sight, where it has one. */
  onShow?(b: Breakpoint): void;
}

type Anywhere = 'nonfinite' | 'exception';

/** What a checkbox was asked to be and the kernel's list does not show yet: of a breakpoint by its id, or of one that stands everywhere. `open`: the kernel has not answered. */
interface Asked { key: number | Anywhere; id: number | null; on: boolean; open: boolean }

export function BreakList({ at, breakpoints, hits = [], onShow }: BreaksProps) {
  const [editing, setEditing] = useState<number | 'new' | null>(null);
  const [problem, setProblem] = useState('');
  const [said, setSaid] = useState('');
  const [asked, setAsked] = useState<Asked | null>(null);
  useEffect(() => setAsked(null), [breakpoints]);             // the kernel has said how they are
  const ask = async (verb: string, args: object, words: string): Promise<any> => {
    setProblem('');
    try { const result = await at.command(verb, args); setSaid(words); return result ?? {}; } catch (error) { setProblem(problemOf(error)); return null; }
  };
  const send = async (verb: string, args: object, words: string): Promise<boolean> => (await ask(verb, args, words)) !== null;
  /** A checkbox is as it was asked to be until the kernel's list comes: whoever presses twice has it as it was. */
  const turn = async (key: Asked['key'], id: number | null, on: boolean, verb: string, args: object, words: string) => {
    if (asked?.key === key && asked.open) return;
    setAsked({ key, id, on, open: true });
    const result = await ask(verb, args, words);
    setAsked(result && { key, id: result.id ?? id, on, open: false });
  };
  const isOn = (key: Asked['key'], on: boolean) => (asked?.key === key ? asked.on : on);
  const edit = (b: Breakpoint, on: boolean) => void turn(b.id, b.id, on, 'break.edit', { id: b.id, enabled: on }, on ? t('breakpoint {0} is on', b.id) : t('breakpoint {0} is off', b.id));
  const anywhere = (want: (b: Breakpoint) => boolean) => breakpoints.find(b => want(b) && b.op === null && b.module === null && b.parameter === null && b.line === null && b.shape === null);
  const quick = (key: Anywhere, b: Breakpoint | undefined, fields: object, words: string) => {
    const on = isOn(key, Boolean(b)), id = asked?.key === key ? asked.id : b?.id;
    return <label><input type="checkbox" checked={on} onChange={() => void (on ? turn(key, null, false, 'break.remove', { id }, t('{0}: off', words)) : turn(key, null, true, 'break.add', fields, t('{0}: on', words)))} /> {words}</label>;
  };
  return (
    <div class="ts-breaks">
      <div class="ts-breaks-quick" role="group" aria-label={t('Wherever it happens')}>
        {quick('nonfinite', anywhere(b => b.when === 'nonfinite'), { when: 'nonfinite' }, t('Any nan or inf'))}
        {quick('exception', anywhere(b => b.exception), { exception: true }, t('Any exception'))}
      </div>
      {problem && <p class="ts-breaks-problem" role="alert">{problem}</p>}
      {breakpoints.length === 0 && editing !== 'new' && <p class="ts-muted">{t('None yet. Click the corner of a box, or select one and press')} <kbd>b</kbd>.</p>}
      <ul aria-label={t('Breakpoints')}>
        {breakpoints.map(b => (
          <li key={b.id} data-off={!b.enabled || undefined} data-hit={hits.includes(b.id) || undefined} aria-current={hits.includes(b.id) || undefined}>
            <input type="checkbox" checked={isOn(b.id, b.enabled)} aria-label={t('Enable: {0}', wordsOf(b))} title={isOn(b.id, b.enabled) ? t('Switch it off') : t('Switch it on')} onChange={() => edit(b, !isOn(b.id, b.enabled))} />
            <i class="ts-break-dot" data-is={!b.enabled ? 'off' : conditional(b) ? 'condition' : 'on'} aria-hidden="true" />
            <button type="button" class="ts-break-words" title={onShow ? t('Show where it stands') : undefined} disabled={!onShow} onClick={() => onShow?.(b)}>{wordsOf(b)}</button>
            <span class="ts-break-tools">
              <Button quiet label={t('Edit: {0}', wordsOf(b))} title={t('Edit')} onPress={() => setEditing(editing === b.id ? null : b.id)}>{t('Edit')}</Button>
              <Button quiet icon label={t('Delete: {0}', wordsOf(b))} title={t('Delete')} onPress={() => void send('break.remove', { id: b.id }, t('breakpoint deleted'))}>✕</Button>
            </span>
            <span class="ts-break-facts">{factsOf(b, hits.includes(b.id)).join(', ')}</span>
            {editing === b.id && <Editor breakpoint={b} onClose={() => setEditing(null)} onSave={async fields => { if (await send('break.edit', { id: b.id, ...fields }, t('breakpoint changed'))) setEditing(null); }} />}
          </li>
        ))}
      </ul>
      {editing === 'new' ? <Editor breakpoint={null} onClose={() => setEditing(null)} onSave={async fields => { if (await send('break.add', fields, t('breakpoint added'))) setEditing(null); }} /> : (
        <div class="ts-row">
          <Button onPress={() => setEditing('new')}>{t('New breakpoint')}</Button>
          {breakpoints.length > 1 && <Button quiet onPress={() => void send('break.clear', {}, t('all breakpoints deleted'))}>{t('Delete all')}</Button>}
        </div>
      )}
      <span class="ts-hidden" role="status" aria-live="polite">{said}</span>
    </div>
  );
}

export function factsOf(b: Breakpoint, here = false): string[] {
  return [here && t('stopped here'), t('hit {0}×', b.hits), b.ignore > 0 && t('ignores {0} more', b.ignore), b.once && t('once'), !b.enabled && t('off')].filter(Boolean) as string[];
}
