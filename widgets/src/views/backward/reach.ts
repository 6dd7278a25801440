/** Does a click reach a kernel that is busy with the paused cell? Some hosts deliver nothing until the cell has ended. */

import { useEffect, useRef, useState } from 'preact/hooks';
import type { Attachment } from '../../store/types';

const PATIENCE_MS = 2500;

/** True when nothing that the view sends arrives. `stop`: what names a stop; asked once at the first of a pause. */
export function useDeaf(at: Attachment, live: boolean): { deaf: boolean; heard(): void } {
  const [deaf, setDeaf] = useState(false);
  const alive = useRef(true);
  useEffect(() => () => { alive.current = false; }, []);
  useEffect(() => {
    setDeaf(false);
    if (!live) return undefined;
    const timer = setTimeout(() => setDeaf(true), PATIENCE_MS);
    const heard = () => { clearTimeout(timer); if (alive.current) setDeaf(false); };
    // An older kernel does not know the verb; it has heard it, all the same.
    at.command('ping').then(heard, (error: Error) => { if (/unknown verb/.test(error.message)) heard(); });
    return () => clearTimeout(timer);
  }, [at, live]);
  return { deaf, heard: () => setDeaf(false) };
}
