/** Hands something to the reader as a file. */
export function offer(doc: Document, name: string, what: string | Blob, mime = 'text/csv'): void {
  const link = doc.createElement('a');
  link.href = URL.createObjectURL(typeof what === 'string' ? new Blob([what], { type: mime }) : what);
  link.download = name.replace(/[\\/:*?"<>|\u0000-\u001f]/g, '_').slice(0, 120);
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
