/** A click on a place: a breakpoint where there is none, none where there is one. */

import { useRef, useState } from 'preact/hooks';
import { problemOf, t } from '../chrome';
import type { GraphModel } from '../engines/graphmodel';
import type { Attachment, Breakpoint } from '../store/types';
import type { Target } from './target';
import { fieldsOf, removable, type Places } from './places';

/** Takes `gone` away, else asks for what `add` says: a verb and its arguments. */
export type Flip = (gone: readonly Pick<Breakpoint, 'id'>[], add: [verb: string, args: object] | null) => void;

export function useFlip(at: Attachment): { flip: Flip; problem: string } {
  const [problem, setProblem] = useState('');
  const busy = useRef(false);
  const flip = async (...[gone, add]: Parameters<Flip>) => {
    if (busy.current) return;
    if (!gone.length && !add) { setProblem(t('No pass comes here, so it cannot pause here.')); return; }
    busy.current = true;
    setProblem('');
    try {
      if (gone.length) for (const b of gone) await at.command('break.remove', { id: b.id });
      else await at.command(...add!);
    } catch (error) {
      setProblem(problemOf(error));
    } finally {
      busy.current = false;
    }
  };
  return { flip: (gone, add) => void flip(gone, add), problem };
}

export function useToggle(at: Attachment, model: GraphModel, places: Places): { toggle(target: Target, forward?: boolean): void; problem: string } {
  const { flip, problem } = useFlip(at);
  const toggle = (target: Target, forward = false) => { const fields = fieldsOf(model, target, forward); flip(removable(places, target), fields && ['break.add', fields]); };
  return { toggle, problem };
}
