/* The digit that the examples classify, and what a model's answer means. */
#ifndef DIGIT_H
#define DIGIT_H

enum { DIGIT_PIXELS = 28 * 28, DIGIT_CLASSES = 10 };

/* Draws it with as much ink as its characters have: 0 is paper, 1 is black. */
static inline void digit_draw(float image[DIGIT_PIXELS]) {
    static const char drawing[] = "                            "
                                  "                            "
                                  "                            "
                                  "                            "
                                  "                            "
                                  "                            "
                                  "                            "
                                  "        ::.     .-+#@-      "
                                  "       +@@@@###%@@@@@-      "
                                  "       @@*#@@@@@%*%@*       "
                                  "       @%   .:.  -@%.       "
                                  "       ::        %@-        "
                                  "                +@*         "
                                  "               :@%.         "
                                  "               #@=          "
                                  "              -@%-=-        "
                                  "         .+*##@@@@@@.       "
                                  "         =@@@@@%#*+-        "
                                  "          -::%@:            "
                                  "            :@#             "
                                  "            *@-             "
                                  "            @@              "
                                  "           -@*              "
                                  "           *@-              "
                                  "           %@.              "
                                  "          :@#               "
                                  "          :@-               "
                                  "                            ";
    static const char ink[] = " .:-=+*#%@";
    for (int i = 0; i < DIGIT_PIXELS; i++) {
        int level = 0;
        while (ink[level] != drawing[i] && ink[level + 1])
            level++;
        image[i] = (float)level / 9.0f;
    }
}

/* The class with the largest logit. */
static inline int digit_class(const float logits[DIGIT_CLASSES]) {
    int best = 0;
    for (int i = 1; i < DIGIT_CLASSES; i++)
        if (logits[i] > logits[best])
            best = i;
    return best;
}

#endif
