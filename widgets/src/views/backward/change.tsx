/** Changing the gradient that comes in, where the recorder can: what runs from here on sees the new one. */

import { Button } from '../../chrome';
import type { DebugState } from '../../store/types';
import type { Command } from './commands';
import { EDIT } from './commands';

export const RESET: Command = { verb: 'debug.reset', label: 'Forget all edits', sign: '', keys: [], what: 'Stand before the first node again, as if nothing had been edited' };

export function ChangeTab({ debug, onSend }: { debug: DebugState; onSend(command: Command, args?: object): void }) {
  const grads = debug.at?.grad_in ?? [];
  return (
    <>
      <h3>The gradient that comes in</h3>
      {grads.length === 0 ? <p class="ts-faint">There is none here.</p> : (
        <div class="ts-back-scale" role="group" aria-label="Change the gradient that comes in">
          <span class="ts-muted">Multiply by</span>{[0, 0.1, -1, 10].map(factor => <Button key={factor} title={factor === 0 ? 'Nothing flows on from here' : `Go on with ${factor} times this gradient`} onPress={() => onSend(EDIT, { scale: factor })}>{factor}</Button>)}
        </div>
      )}
      <p class="ts-muted">Nothing of .grad changes before the pass is complete.</p>
      {Boolean(debug.edited) && <><h3>Edited {debug.edited}</h3><Button onPress={() => onSend(RESET)} title={RESET.what}>{RESET.label}</Button></>}
    </>
  );
}
