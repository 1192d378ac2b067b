-- Lets the next in line have the right that this session holds, before the session is over.
DO RELEASE_ALL_LOCKS()
