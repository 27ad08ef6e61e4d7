namespace vstab {}
