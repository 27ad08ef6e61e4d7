"""`vstab report`: one self-contained HTML page with both clips in sync, the curves and the figures.

make      the stages in order: check, evaluate, embed, write
preview   the clips re-encoded small, in memory; `sound` what is heard with them
curves    what the plots show; `solver` what a sidecar adds to it
summary   the sentence at the top; `tables` the figures; `page` all of it in page.html, page.css and *.js
"""
