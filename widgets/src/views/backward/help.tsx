/** The keys of the backward view. */

import { t } from '../../chrome';
import { Help, type Keys } from '../graph/help';
import { ALL } from './commands';

const KEYS: Keys = [
  ...ALL.map(c => [c.keys.map(key => key.replace('Shift+', 'Shift\u00a0')).join(' '), c.label.toLowerCase()] as const), ['k', 'play and pause'], ['b', 'breakpoint here'], ['B', 'in the forward pass'], ['1 … 6', 'what is shown'],
  ['Space', 'fit'], ['Arrows', 'go along the graph'], ['Enter', 'open or close a module'], ['Esc', 'clear the selection'], ['?', 'this help'],
];

export function BackwardHelp({ onClose }: { onClose(): void }) {
  return <Help title={t('The backward pass')} keys={KEYS} onClose={onClose} />;
}
