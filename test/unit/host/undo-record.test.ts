import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { UndoRecord } from '../../../src/host/undo-record.ts';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'torii-undo-'));
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

describe('the undo record', () => {
  it('is what an earlier run of the same boot and namespace wrote', () => {
    new UndoRecord(directory).update({ vips: ['203.0.113.10/32'] });
    expect(new UndoRecord(directory).changes.vips).toEqual(['203.0.113.10/32']);
  });

  it('names its file when that cannot be read, as a lack of permission and no defect', () => {
    mkdirSync(join(directory, 'undo.json'));
    expect(() => new UndoRecord(directory)).toThrowError(
      expect.objectContaining({ code: 'no_privilege', message: expect.stringContaining(join(directory, 'undo.json')) }),
    );
  });
});
