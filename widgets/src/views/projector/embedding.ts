/** What a projection needs of the kernel: copies of the layer, an embedding that goes on while somebody looks, axes of a reader's, pictures of rows. */

import { useEffect, useState } from 'preact/hooks';
import { probe } from '../../probe';
import type { Attachment, Projection, RunStore } from '../../store/types';

const EMBED = ['projection.start', 'projection.stop'] as const;
/** A stopped recording may still answer with what it has: so long the view waits before it says that there is nothing. */
const PATIENCE_MS = 1500;

/** Subscribes to the projections of `key` and asks the kernel to make them; again for each recording, which knows of no earlier wish. */
export function useProbe(at: Attachment, recording: string | null, key: string | null): { reason: string; patient: boolean } {
  const [reason, setReason] = useState('');
  const [patient, setPatient] = useState(true);
  useEffect(() => {
    setReason('');
    setPatient(true);
    if (key === null || recording === null) return;
    const drop = at.need('projection', { id: key });
    const timer = setTimeout(() => setPatient(false), PATIENCE_MS);
    // A replay has no kernel to ask, what was logged needs none: it comes by the subscription.
    const release = at.link.state === 'replay' || key.startsWith('embedding/') ? undefined : probe(at, key, setReason);
    return () => {
      clearTimeout(timer);
      drop();
      release?.();
    };
  }, [at, key, recording, at.link.kernel]);
  return { reason, patient };
}

/** An embedding goes on while somebody looks; says why it does not. */
export function useEmbedding(at: Attachment, recording: string | null, id: string | null, going: boolean): string {
  const [trouble, setTrouble] = useState('');
  useEffect(() => {
    setTrouble('');
    return id === null || recording === null || !going ? undefined : probe(at, id, setTrouble, EMBED);
  }, [at, id, recording, going, at.link.kernel]);
  useEffect(() => (id === null || recording === null ? undefined : at.need('projection', { id })), [at, id, recording]);
  return trouble;
}

/** Axes of a reader's: asked for once, so that what fits nothing is told, then followed. */
export function useAxes(at: Attachment, recording: string | null, id: string | null): string {
  const [trouble, setTrouble] = useState('');
  useEffect(() => {
    setTrouble('');
    if (id === null || recording === null) return undefined;
    let off: (() => void) | undefined, wanted = true;
    at.query('projection', { id }).then(() => { if (wanted) off = at.need('projection', { id }); }, (error: Error) => { if (wanted) setTrouble(error.message); });
    return () => { wanted = false; off?.(); };
  }, [at, id, recording, at.link.kernel]);
  return trouble;
}

/** The entry that has the pictures of the rows shown, once they are wanted. */
export function usePictures(at: Attachment, store: RunStore | null, key: string, shown: Projection, wanted: boolean): Projection | null {
  const id = `pictures:${key}`, there = wanted && shown.pictures !== undefined;
  useEffect(() => (there ? at.need('projection', { id }) : undefined), [at, id, there, store?.id]);
  return (there && store?.projections.get(id)?.find(p => p.pictures === shown.pictures && p.image)) || null;
}
