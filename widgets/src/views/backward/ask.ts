/** A question to the kernel: asked on demand, with its answer, or why there is none. */

import { useEffect, useRef, useState } from 'preact/hooks';
import { problemOf } from '../../chrome';
import type { Attachment } from '../../store/types';

export type Ask = (verb: string, args?: object) => Promise<any>;

export function useAsk(at: Attachment): { ask: Ask; busy: boolean; problem: string } {
  const [busy, setBusy] = useState(0), [problem, setProblem] = useState('');
  const alive = useRef(true);
  useEffect(() => () => { alive.current = false; }, []);
  const ask: Ask = async (verb, args = {}) => {
    setProblem('');
    setBusy(n => n + 1);
    try {
      return await at.command(verb, args);
    } catch (error) {
      if (alive.current) setProblem(problemOf(error));
      return null;
    } finally {
      if (alive.current) setBusy(n => n - 1);
    }
  };
  return { ask, busy: busy > 0, problem };
}
