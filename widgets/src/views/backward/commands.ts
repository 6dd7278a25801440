/** What moves the cursor: buttons and keys of one list. */

export interface Command { verb: string; label: string; sign: string; keys: string[]; what: string }

export const COMMANDS: Command[] = [
  { verb: 'debug.back', label: 'Back', sign: '◂', keys: ['p', 'Shift+F10'], what: 'Step back: stop before the node that ran last' },
  { verb: 'debug.step', label: 'Step', sign: '▸', keys: ['n', 'F10'], what: 'Run this node and stop before the next one' },
  { verb: 'debug.into', label: 'Into', sign: '↘', keys: ['s', 'F11'], what: 'Step into the module' },
  { verb: 'debug.out', label: 'Out', sign: '↗', keys: ['o', 'Shift+F11'], what: 'Run until the pass leaves this module' },
  { verb: 'debug.continue', label: 'Continue', sign: '▸▸', keys: ['c', 'F5'], what: 'Run to the end' },
];

export const ABORT: Command = { verb: 'debug.abort', label: 'Abort', sign: '✕', keys: ['Shift+F5'], what: 'Give the pass up: no .grad is written' };
export const RUN_TO: Command = { verb: 'debug.run_to', label: 'Run to selected', sign: '⇥', keys: ['r'], what: 'Run until the selected op, parameter or module is next' };

export const EDIT: Command = { verb: 'debug.edit', label: 'Edit', sign: '', keys: [], what: 'Replace the gradient that comes in' };

const byKey = new Map([...COMMANDS, ABORT, RUN_TO].flatMap(command => command.keys.map(key => [key, command] as const)));

export function commandOf(event: KeyboardEvent): Command | null {
  if (event.ctrlKey || event.metaKey || event.altKey) return null;
  return byKey.get(event.shiftKey && event.key.length > 1 ? `Shift+${event.key}` : event.key) ?? null;
}
