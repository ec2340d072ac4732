"""The board over ssh: deploy and roll back a release, run scenes, see how it is. Nothing here needs root on the board.

What lies on the board, below DIR (`edgeseg` in the user's home unless told otherwise):

    current -> releases/<id>          what runs; changed only by renaming a fresh link over it
    releases/<id>/                    a bundle, whole and verified; .board/ holds what this board adds: previous, golden.bin, selftest.json
    incoming/<id>.<token>/            a bundle that is being uploaded
    scenes/<scene id>/                packed scenes
    results/<release id>/<scene id>/  patches/, mask.png, report.json, log.txt
    .lock  .lock.holder  .run  .run.holder    who deploys and what runs; held by flock, so a process that died holds nothing
"""
