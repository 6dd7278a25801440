/** The script of an exported page: the dashboard over the recording that the page carries. */

import { partsFrom } from '../parts';
import { dashboard } from '../views/dashboard';
import { ReplayHost } from './host';
import { inflate } from './inflate';
import { Packed, type Index } from './packed';

const el = document.getElementById('view')!;
try {
  const index = JSON.parse(document.getElementById('tape')!.textContent!) as Index;
  const parts = [...document.querySelectorAll('script.part')];
  const packed = new Packed(index, i => bytesOf(parts[i]!.textContent!));
  partsFrom(async name => {
    const code = [...document.querySelectorAll<HTMLScriptElement>('script.code')].find(one => one.dataset.name === name);
    if (!code) throw new Error('this part of the page is missing');
    return new TextDecoder().decode(await inflate(bytesOf(code.textContent!)));
  });
  dashboard(el, new ReplayHost(packed, index.keys.length ? { key: index.keys.find(key => key.startsWith('activation/')) ?? index.keys[0] } : {}));
} catch (error) {
  el.className = 'trouble';
  el.textContent = `This page could not be opened: ${(error as Error).message}`;
}

function bytesOf(text: string): Uint8Array {
  const raw = atob(text), bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  return bytes;
}
