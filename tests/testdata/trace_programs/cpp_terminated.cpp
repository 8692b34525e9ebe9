#include <stdexcept>
#include <vector>
void pay(){ throw std::runtime_error("no card\nnor cash"); }
int main(int c,char**v){ if(c>1) {std::vector<char> x; for(;;) x.resize(x.size()+(1ull<<40));} pay(); }
int main(){ int*p=new int[3]; delete[] p; return p[1]; }
