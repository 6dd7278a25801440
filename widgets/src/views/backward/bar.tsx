/** The toolbar of a held pass. */

import { Button, t } from '../../chrome';
import { ABORT, COMMANDS, FORWARD, REPLAY, RUN_TO, type Command } from './commands';

export function Bar({ forward, index, over, aborted, rewind, target, onPress, onHelp }: {
  forward: boolean; index: number; over: boolean; aborted: boolean; rewind: boolean; target: boolean; onPress(command: Command): void; onHelp(): void;
}) {
  const off = (c: Command) => aborted || (c === RUN_TO ? over || !target : c === REPLAY ? !rewind : c.verb === 'debug.back' ? index === 0 || !rewind : over);
  const button = (c: Command, quiet = false) => (
    <Button key={c.verb} label={t(c.label)} primary={c.verb === 'debug.step'} quiet={quiet} disabled={off(c)} title={`${t(c.what)} (${c.keys.join(', ')})`} onPress={() => onPress(c)}>
      <span aria-hidden="true">{c.sign}</span><em data-keep={c.verb === 'debug.step' || undefined} data-wide={c.verb === 'debug.continue' || undefined}>{t(c.label)}</em>
    </Button>
  );
  const shown = (c: Command) => !forward || FORWARD.has(c.verb);
  return (
    <div class="ts-bar ts-back-bar" role="toolbar" aria-label={forward ? t('Forward pass') : t('Backward pass')}>
      {COMMANDS.filter(shown).map(c => button(c))}
      {[RUN_TO, REPLAY, ABORT].filter(shown).map(c => button(c, true))}
      <span class="ts-grow" />
      <Button quiet icon label={t('Help')} title={t('Keys (?)')} onPress={onHelp}>?</Button>
    </div>
  );
}
