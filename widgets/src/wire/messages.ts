/** The JSON half of the wire, as written in ARCHITECTURE.md. */

import type { Kind, Said } from '../store/types';

export const PROTOCOL = 1;

export interface RecordingInfo {
  id: string;
  name: string;
  state: string;
  step: number;
  capabilities: Record<string, boolean>;
  /** Seconds since 1970, and what the run was started with. */
  began?: number; params?: Record<string, Param>;
}

export type Param = number | string | boolean | null;

/** Page to kernel. */
export type Outgoing =
  | { type: 'attach'; protocol: number; client: string; request: string }
  | { type: 'subscribe' | 'query'; request: string; recording: string; kind: Kind; id?: string; steps?: [number, number]; max_bytes?: number }
  | { type: 'unsubscribe' | 'cancel'; request: string }
  | { type: 'ack'; seq: number }
  | { type: 'command'; request: string; recording: string; verb: string; args: object };

export type ColumnHeader = [name: string, dtype: string, length: number];

export interface Attached {
  type: 'attached'; request: string; protocol: number; kernel: string; version: string; recordings: RecordingInfo[];
  /** A tape without a process behind it: a file or an exported page. */
  replay?: boolean;
}

export interface FrameMessage {
  type: 'frame'; seq: number; request: string; recording: string; kind: string;
  meta?: Record<string, any>; columns?: ColumnHeader[]; strings?: [start: number, texts: string[]]; more?: boolean;
}

/** Kernel to page. */
export type Incoming =
  | Attached
  | { type: 'recordings'; recordings: RecordingInfo[] }
  | FrameMessage
  | { type: 'reply'; request: string; ok: true; result?: unknown }
  | { type: 'reply'; request: string; ok: false; error: string; said?: Said };

let counter = 0;
const page = Math.random().toString(36).slice(2, 8);

/** A name that no other request of this page has, nor of another page on the same kernel. */
export function requestId(prefix = 'r'): string {
  return `${prefix}-${page}-${(++counter).toString(36)}`;
}
