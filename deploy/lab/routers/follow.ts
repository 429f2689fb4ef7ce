// What a mirror beside a routing daemon runs on: events say only that something changed, so everything is looked at again then,
// once for many events. One look at a time; the last one began after the last event. A look that fails ends the program.

/** `look` may call what this returns: then it is called once more. */
export function follower(look: () => Promise<void>): () => Promise<void> {
  let isDirty = false;
  let isWorking = false;
  return async () => {
    isDirty = true;
    if (isWorking) return;
    isWorking = true;
    while (isDirty) {
      isDirty = false;
      await look();
    }
    isWorking = false;
  };
}
