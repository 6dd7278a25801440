/** A click on a place: a breakpoint where there is none, none where there is one. */

import { useRef, useState } from 'preact/hooks';
import type { GraphModel } from '../engines/graphmodel';
import type { Attachment } from '../store/types';
import type { Target } from './target';
import { fieldsOf, removable, type Places } from './places';

export function useToggle(at: Attachment, model: GraphModel, places: Places): { toggle(target: Target, forward?: boolean): void; problem: string } {
  const [problem, setProblem] = useState('');
  const busy = useRef(false);
  const toggle = async (target: Target, forward = false) => {
    const gone = removable(places, target), fields = fieldsOf(model, target, forward);
    if (busy.current) return;
    if (!gone.length && !fields) { setProblem('No pass comes here, so it cannot pause here.'); return; }
    busy.current = true;
    setProblem('');
    try {
      if (gone.length) for (const b of gone) await at.command('break.remove', { id: b.id });
      else await at.command('break.add', fields!);
    } catch (error) {
      setProblem((error as Error).message);
    } finally {
      busy.current = false;
    }
  };
  return { toggle: (target, forward) => void toggle(target, forward), problem };
}
