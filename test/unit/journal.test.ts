import { fstatSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { isJournal, journalError, journalLine } from '../../src/journal.ts';
import { createLogger } from '../../src/logging.ts';

describe('a journal', () => {
  it('is told the level of each line of the log', () => {
    const lines: string[] = [];
    const destination = { write: (line: string) => void lines.push(line) };
    const logger = createLogger({ level: 'info', format: 'json', destination });
    logger.info('a');
    logger.warn('b');
    logger.error('c');
    expect(lines.map((line) => journalLine(line).slice(0, 4))).toEqual(['<6>{', '<4>{', '<3>{']);
  });

  it('is told that last words are an error, in every line', () => {
    expect(journalError('torii: eth9: no such network device\n  next: ip -br addr\n')).toBe(
      '<3>torii: eth9: no such network device\n<3>  next: ip -br addr\n',
    );
  });

  it('is known by its inode, not by the environment alone', () => {
    const { dev, ino } = fstatSync(2, { bigint: true });
    expect(isJournal(2, { JOURNAL_STREAM: `${dev}:${ino}` })).toBe(true);
    expect(isJournal(2, { JOURNAL_STREAM: `${dev}:${ino + 1n}` })).toBe(false);
    expect(isJournal(2, {})).toBe(false);
  });
});
