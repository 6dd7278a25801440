/** The list of breakpoints: what each waits for, how often it was met, and the means to change it. */

import { useState } from 'preact/hooks';
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

export function BreakList({ at, breakpoints, hits = [], onShow }: BreaksProps) {
  const [editing, setEditing] = useState<number | 'new' | null>(null);
  const [problem, setProblem] = useState('');
  const [said, setSaid] = useState('');
  const send = async (verb: string, args: object, words: string): Promise<boolean> => {
    setProblem('');
    try { await at.command(verb, args); setSaid(words); return true; } catch (error) { setProblem(problemOf(error)); return false; }
  };
  const anywhere = (want: (b: Breakpoint) => boolean) => breakpoints.find(b => want(b) && b.op === null && b.module === null && b.parameter === null && b.line === null && b.shape === null);
  const everywhere = anywhere(b => b.when === 'nonfinite'), exception = anywhere(b => b.exception);
  const flip = (b: Breakpoint | undefined, fields: object, words: string) => void (b ? send('break.remove', { id: b.id }, t('{0}: off', words)) : send('break.add', fields, t('{0}: on', words)));
  return (
    <div class="ts-breaks">
      <div class="ts-breaks-quick" role="group" aria-label={t('Wherever it happens')}>
        <label><input type="checkbox" checked={Boolean(everywhere)} onChange={() => flip(everywhere, { when: 'nonfinite' }, t('Any nan or inf'))} /> {t('Any nan or inf')}</label>
        <label><input type="checkbox" checked={Boolean(exception)} onChange={() => flip(exception, { exception: true }, t('Any exception'))} /> {t('Any exception')}</label>
      </div>
      {problem && <p class="ts-breaks-problem" role="alert">{problem}</p>}
      {breakpoints.length === 0 && editing !== 'new' && <p class="ts-muted">{t('None yet. Click the corner of a box, or select one and press')} <kbd>b</kbd>.</p>}
      <ul aria-label={t('Breakpoints')}>
        {breakpoints.map(b => (
          <li key={b.id} data-off={!b.enabled || undefined} data-hit={hits.includes(b.id) || undefined} aria-current={hits.includes(b.id) || undefined}>
            <input type="checkbox" checked={b.enabled} aria-label={t('Enable: {0}', wordsOf(b))} title={b.enabled ? t('Switch it off') : t('Switch it on')} onChange={() => void send('break.edit', { id: b.id, enabled: !b.enabled }, b.enabled ? t('breakpoint {0} is off', b.id) : t('breakpoint {0} is on', b.id))} />
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
