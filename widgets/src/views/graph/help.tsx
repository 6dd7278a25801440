/** Keys of a view, over it. */

import { useEffect, useRef } from 'preact/hooks';
import { Button, t } from '../../chrome';

export type Keys = readonly (readonly [keys: string, does: string])[];

const KEYS: Keys = [
  ['/', 'search'], ['Space', 'fit'], ['+ −', 'zoom'], ['Arrows', 'go along the graph'], ['Shift + arrows', 'pan'], ['Enter', 'open or close a module'], ['Double\u00a0click', 'the same'],
  ['t', 'trace up and down'], ['[ ]', 'fewer or more hops'], ['e', 'shapes on the lines'], ['1 to 9', 'go to a kept view'], ['Shift + digit', 'keep this view'], ['l', 'look at this tensor'], ['g', 'forward or grad_fn'], ['o', 'outline'], ['b', 'breakpoint here'], ['B', 'in the forward pass'], ['Esc', 'clear, close'], ['Wheel', 'zoom to the pointer'], ['?', 'this help'],
];

export function GraphHelp({ onClose }: { onClose(): void }) {
  return <Help title={t('The graph')} keys={KEYS} onClose={onClose} />;
}

export function Help({ title, keys, onClose }: { title: string; keys: Keys; onClose(): void }) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const before = (box.current!.getRootNode() as Document | ShadowRoot).activeElement as HTMLElement | null;
    box.current!.focus();
    return () => before?.focus?.({ preventScroll: true });
  }, []);
  return (
    <div class="ts-help" role="dialog" aria-modal="true" aria-label={title} tabIndex={-1} ref={box} onKeyDown={e => { if (e.key === 'Escape' || e.key === '?') { e.preventDefault(); e.stopPropagation(); onClose(); } }} onClick={e => { if (e.target === box.current) onClose(); }}>
      <div class="ts-help-card">
        <div class="ts-help-head"><h2>{title}</h2><Button quiet icon label="Close help" onPress={onClose}>✕</Button></div>
        <dl>{keys.map(([key, does]) => <div key={key}><dt>{key.split(' ').map((part, i) => (part === '+' && i > 0 ? <span key={i}> + </span> : <kbd key={i}>{part}</kbd>))}</dt><dd>{t(does)}</dd></div>)}</dl>
      </div>
    </div>
  );
}
