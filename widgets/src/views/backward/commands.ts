/** What moves the cursor: buttons and keys of one list. */

export interface Command { verb: string; label: string; sign: string; keys: string[]; what: string }

export const COMMANDS: Command[] = [
  { verb: 'debug.back', label: 'Back', sign: '◂', keys: ['p', 'Shift+F10'], what: 'Step back: stop before the node that ran last' },
  { verb: 'debug.step', label: 'Step', sign: '▸', keys: ['n', 'F10'], what: 'Run this node and stop before the next one' },
  { verb: 'debug.into', label: 'Into', sign: '↘', keys: ['s', 'F11'], what: 'Step into the module' },
  { verb: 'debug.out', label: 'Out', sign: '↗', keys: ['o', 'Shift+F11'], what: 'Run until the pass leaves this module' },
  { verb: 'debug.next_module', label: 'Next module', sign: '⇥', keys: ['m'], what: 'Run until the pass comes to another module' },
  { verb: 'debug.continue', label: 'Continue', sign: '▸▸', keys: ['c', 'F5'], what: 'Run to the next breakpoint, or to the end' },
];

export const RUN_TO: Command = { verb: 'debug.run_to', label: 'To selected', sign: '◎', keys: ['r'], what: 'Run until the selected op, parameter or module is next, forward or back' };
export const REPLAY: Command = { verb: 'debug.replay', label: 'Replay', sign: '↻', keys: ['R'], what: 'Run the same pass again, from its start to here' };
export const ABORT: Command = { verb: 'debug.abort', label: 'Abort', sign: '✕', keys: ['Shift+F5'], what: 'Give the pass up: no .grad is written' };

export const EDIT: Command = { verb: 'debug.edit', label: 'Edit', sign: '', keys: [], what: 'Replace the gradient that comes in' };

/** A forward pass goes only forward. */
export const FORWARD = new Set(['debug.step', 'debug.into', 'debug.out', 'debug.next_module', 'debug.continue', 'debug.abort']);

export const ALL = [...COMMANDS, RUN_TO, REPLAY, ABORT];
const byKey = new Map(ALL.flatMap(command => command.keys.map(key => [key, command] as const)));

export function commandOf(event: KeyboardEvent): Command | null {
  if (event.ctrlKey || event.metaKey || event.altKey) return null;
  return byKey.get(event.shiftKey && event.key.length > 1 ? `Shift+${event.key}` : event.key) ?? null;
}
